//! Endpoints on disk: each as bytes of its own, so that all threads of the caller's pool encode and decode
//! them. What the bytes of one are is said by its own types.

use rayon::prelude::*;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tally::Tally;

/// A name and a tally.
type Endpoint = (Vec<u8>, Tally);

/// Bytes, written at once.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

/// Writes endpoints in their order.
pub fn serialize<S: Serializer>(endpoints: &[Endpoint], serializer: S) -> Result<S::Ok, S::Error> {
    // OK because every part of an endpoint can be encoded.
    let pack = |endpoint| postcard::to_allocvec(endpoint).unwrap_or_else(|e| unreachable!("{e}"));
    let packed: Vec<Bytes> = endpoints.par_iter().map(pack).map(Bytes).collect();
    packed.serialize(serializer)
}

/// Reads endpoints.
///
/// # Errors
/// The bytes of one are not those of an endpoint, or of more than one.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let packed = Vec::<&[u8]>::deserialize(deserializer)?;
    let unpack = |bytes: &&'de [u8]| match postcard::take_from_bytes(bytes) {
        Ok((endpoint, [])) => Some(endpoint),
        _ => None,
    };
    let endpoints: Option<Vec<Endpoint>> = packed.par_iter().map(unpack).collect();
    endpoints.ok_or_else(|| D::Error::custom("an endpoint that is none"))
}
