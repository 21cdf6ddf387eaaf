//! The fields of a line that mean something to the tool, and how their text is read.

use super::variable::Meaning;
use crate::stamp::StampForm;
use crate::unit::Unit;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a value of a line means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            /// All fields, in the order of their discriminants.
            pub const ALL: &'static [Field] = &[$(Field::$name),*];
            /// How many there are; at most 32, see [`Fields`].
            pub const COUNT: usize = Self::ALL.len();
        }
    };
}

fields! {
    /// The time stamp.
    Stamp,
    /// The date, where the time stamp is a time of day alone (W3C).
    Date,
    /// The moment at which the request began, beside a time stamp of its end.
    Began,
    /// The whole request line, `GET /path HTTP/1.1`.
    Request,
    /// The method alone.
    Method,
    /// The request target: a path with its query, or an absolute URI.
    Target,
    /// The status sent to the client.
    Status,
    /// Bytes sent to the client.
    Bytes,
    /// Bytes received from the client.
    RequestLength,
    /// Time from the first byte read to the log write.
    Total,
    /// Time spent towards the client, where the log says so itself.
    Client,
    /// Time to connect to the upstream; a list with one element for each attempt.
    Connect,
    /// Time from connected to the last byte, where the log has no finer one (Heroku's `service`).
    Service,
    /// Time to the end of the upstream's response header; a list.
    Header,
    /// Time to the end of the upstream's response; a list.
    Response,
    /// Time from connected to response header, where the log says so itself.
    Server,
    /// Time from response header to the last byte, where the log says so itself.
    Transfer,
    /// Time from the request's begin to the first byte of the response (Apache's `%^FB`).
    FirstByte,
    /// Time in the queue for a worker, where the log says so itself.
    Wait,
    /// The moment at which a proxy in front took the request: `X-Request-Start`, `X-Queue-Start`.
    QueuedSince,
    /// Time in the application, as the application says.
    App,
    /// The `Server-Timing` response header.
    ServerTiming,
    /// The status of each attempt; a list.
    UpstreamStatus,
    /// The address of each attempt; a list.
    UpstreamAddr,
    /// HIT, MISS, …
    CacheStatus,
    /// The `Content-Type` of the response.
    ContentType,
    /// The host asked for.
    Host,
    /// The `User-Agent` request header.
    UserAgent,
    /// The `Referer` request header.
    Referer,
    /// The client's address.
    RemoteAddr,
    /// The request's identity.
    RequestId,
    /// `HTTP/1.1`.
    Protocol,
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Fields(u32);

impl Fields {
    /// No field.
    pub const NONE: Fields = Fields(0);
    /// Every field.
    pub const ALL: Fields = Fields(u32::MAX);

    /// The set with one field more.
    #[must_use]
    pub const fn with(self, field: Field) -> Fields {
        Fields(self.0 | 1 << field as u8)
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }

    /// Whether the field is in the set.
    #[must_use]
    #[inline]
    pub const fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// Bit `n` is set where field `n` is in the set.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// How many fields are in it.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Fields::NONE, Fields::with)
    }
}

/// How the text of a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// As it stands.
    Text,
    /// As a whole number.
    Number,
    /// As a time stamp.
    Stamp(StampForm),
    /// As a duration.
    Duration(Unit),
}

/// A value of a line that means something: the name under which the definition has it, its field
/// and how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The variable or key, as the definition writes it; a nested key as a path, `request.uri`.
    pub name: String,
    /// What it means.
    pub field: Field,
    /// How its text is read.
    pub reading: Reading,
    /// Which of two columns of the same field counts: the lower rank (`$msec` before
    /// `$time_local`).
    pub rank: u8,
    /// An upstream's response time that is the total where the line has no total beside it (a JSON
    /// `response_time`).
    pub total_if_alone: bool,
    /// How many decimals the server writes, where it always writes as many.
    pub decimals: Option<u8>,
    /// What the server writes where there is nothing, besides nothing, `-` and `null`.
    pub null: Option<String>,
    /// The meaning was guessed from name and values: reports say so.
    pub is_guess: bool,
}

impl Column {
    /// A column that is sure of its meaning.
    #[must_use]
    pub fn new(name: &str, meaning: Meaning) -> Self {
        Column {
            name: name.to_owned(),
            field: meaning.field,
            reading: meaning.reading,
            rank: meaning.rank,
            decimals: meaning.decimals,
            total_if_alone: false,
            null: None,
            is_guess: false,
        }
    }
}
