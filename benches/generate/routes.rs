//! The endpoints that the made-up traffic asks for: sixty of a web shop, and as
//! many invented ones as are wanted.
//!
//! In a path `#` stands for an id and `%` for a small number. Nothing here is
//! random by line: which request gets which endpoint is decided in `request`.

use std::borrow::Cow;

use crate::random::scramble;

/// One endpoint and how it behaves.
pub struct Route {
    /// `GET`, `POST`…
    pub method: &'static str,
    /// The path with its query, `#` and `%` where values go.
    pub path: Cow<'static, str>,
    /// How often it is asked for, beside the others.
    pub weight: u32,
    /// The median of its own time, in µs; 0 for a file that nginx sends itself.
    pub own_us: u32,
    /// The median size of its answers, in bytes.
    pub bytes: u32,
    /// Whether nginx may answer from its cache.
    pub cached: bool,
}

/// An endpoint whose answers nginx never keeps.
const fn fresh(
    method: &'static str,
    path: &'static str,
    weight: u32,
    own_us: u32,
    bytes: u32,
) -> Route {
    Route {
        method,
        path: Cow::Borrowed(path),
        weight,
        own_us,
        bytes,
        cached: false,
    }
}

/// An endpoint that nginx may answer from its cache.
const fn cached(path: &'static str, weight: u32, own_us: u32, bytes: u32) -> Route {
    Route {
        method: "GET",
        path: Cow::Borrowed(path),
        weight,
        own_us,
        bytes,
        cached: true,
    }
}

/// A file that nginx sends itself.
const fn file(path: &'static str, weight: u32, bytes: u32) -> Route {
    Route {
        method: "GET",
        path: Cow::Borrowed(path),
        weight,
        own_us: 0,
        bytes,
        cached: false,
    }
}

/// The sixty endpoints of a web shop. The weights add up to 1,000, of which 50
/// are files and 400 may be cached.
pub static SHOP: [Route; 60] = [
    cached("/", 60, 28_000, 24_000),
    cached("/products", 38, 52_000, 31_000),
    cached("/products/#", 90, 36_000, 18_500),
    cached("/products/#/reviews?page=%", 34, 24_000, 9_200),
    cached("/categories", 18, 12_000, 6_400),
    cached("/categories/#", 52, 44_000, 27_000),
    cached("/categories/#/filters", 22, 15_000, 3_100),
    cached("/brands/#", 16, 30_000, 14_000),
    cached("/pages/about", 6, 8_000, 7_700),
    cached("/pages/shipping", 8, 8_000, 8_900),
    cached("/api/prices/#", 40, 6_000, 420),
    cached("/api/recommendations/#", 16, 85_000, 5_200),
    fresh("GET", "/search?q=term%&page=%", 34, 120_000, 26_000),
    fresh("GET", "/cart", 30, 22_000, 6_100),
    fresh("POST", "/cart/items", 24, 31_000, 1_200),
    fresh("PATCH", "/cart/items/#", 9, 27_000, 1_100),
    fresh("DELETE", "/cart/items/#", 6, 24_000, 640),
    fresh("POST", "/cart/coupons", 3, 34_000, 700),
    fresh("GET", "/checkout", 11, 64_000, 12_800),
    fresh("POST", "/checkout/address", 7, 41_000, 2_100),
    fresh("POST", "/checkout/shipping", 7, 58_000, 2_300),
    fresh("POST", "/checkout/payment", 6, 310_000, 1_900),
    fresh("GET", "/checkout/confirmation/#", 5, 47_000, 9_400),
    fresh("GET", "/account", 12, 33_000, 8_700),
    fresh("GET", "/account/orders?page=%", 13, 61_000, 11_300),
    fresh("GET", "/account/orders/#", 14, 49_000, 9_900),
    fresh("POST", "/account/orders/#/cancel", 1, 140_000, 800),
    fresh("GET", "/account/orders/#/invoice", 3, 220_000, 88_000),
    fresh("GET", "/account/addresses", 5, 17_000, 2_700),
    fresh("PUT", "/account/addresses/#", 2, 26_000, 900),
    fresh("GET", "/account/wishlist", 8, 29_000, 7_200),
    fresh("POST", "/account/wishlist/#", 5, 19_000, 350),
    fresh("GET", "/login", 14, 9_000, 5_600),
    fresh("POST", "/login", 16, 96_000, 480),
    fresh("POST", "/logout", 4, 7_000, 220),
    fresh("POST", "/register", 3, 130_000, 520),
    fresh("POST", "/password/reset", 2, 72_000, 300),
    fresh("GET", "/api/session", 62, 4_000, 310),
    fresh("GET", "/api/notifications", 48, 9_000, 1_300),
    fresh("POST", "/api/notifications/#/read", 8, 11_000, 90),
    fresh("POST", "/api/events", 74, 3_000, 60),
    fresh("GET", "/api/stock/#", 26, 14_000, 260),
    fresh("GET", "/api/shipping/quotes?weight=%", 9, 180_000, 1_700),
    fresh("GET", "/api/users/#", 19, 16_000, 1_900),
    fresh("PATCH", "/api/users/#", 4, 38_000, 1_950),
    fresh("GET", "/api/users/#/orders/#", 11, 42_000, 4_600),
    fresh("GET", "/api/orders/#/status", 17, 12_000, 380),
    fresh("POST", "/api/orders", 6, 240_000, 2_400),
    fresh("POST", "/api/reviews", 3, 54_000, 1_000),
    fresh("POST", "/api/uploads", 2, 420_000, 410),
    fresh("GET", "/admin/dashboard", 2, 350_000, 41_000),
    fresh("GET", "/admin/orders?page=%", 4, 160_000, 36_000),
    fresh("PUT", "/admin/products/#", 2, 88_000, 3_000),
    fresh("GET", "/admin/reports/sales", 1, 1_900_000, 190_000),
    fresh("POST", "/webhooks/payments", 5, 45_000, 30),
    fresh("GET", "/feeds/products", 2, 780_000, 900_000),
    file("/static/js/shop.js", 16, 184_311),
    file("/static/css/shop.css", 14, 41_207),
    file("/static/img/sprite.svg", 12, 22_960),
    file("/favicon.ico", 8, 1_150),
];

/// The largest number of endpoints; there are words for three times as many.
pub const MOST: usize = 100_060;

/// All endpoints of a run, and the urn from which requests draw theirs.
pub struct Routes {
    all: Vec<Route>,
    /// Each endpoint's index, as often as it has weight.
    urn: Vec<u32>,
}

impl Routes {
    /// The first `count` endpoints of the shop and, beyond sixty, invented ones.
    pub fn new(count: usize) -> Self {
        let known = count.min(SHOP.len());
        let mut all: Vec<Route> = SHOP[..known].iter().map(Route::again).collect();
        all.extend(invented(count - known));
        let urn = (0..)
            .zip(&all)
            .flat_map(|(index, route)| (0..route.weight).map(move |_| index))
            .collect();
        Self { all, urn }
    }

    /// How many chances there are to draw from; at least 1.
    pub fn chances(&self) -> u32 {
        // OK because 100,060 endpoints with weights of at most 90 fit.
        self.urn.len() as u32
    }

    /// The endpoint of a chance below `chances()`.
    pub fn drawn(&self, chance: u32) -> &Route {
        &self.all[self.urn[chance as usize] as usize]
    }
}

impl Route {
    /// A copy. Not `Clone`, which could not stay `const` over the table.
    fn again(&self) -> Self {
        Self {
            path: self.path.clone(),
            ..*self
        }
    }
}

/// `count` endpoints with two or three levels of invented words, each word in
/// one place only. A branch has about as many twigs as there are branches, so
/// no folder holds so many names that they would pass for values: 47 in each
/// where 100,000 endpoints are asked for.
fn invented(count: usize) -> impl Iterator<Item = Route> {
    let fan = (1..).find(|fan| fan * fan * fan >= count).unwrap_or(1);
    (0..count).map(move |index| {
        let (twig, leaf) = (index / fan, index % fan);
        let branch = twig / fan;
        let mut path = String::from("/");
        path.push_str(&word(branch));
        path.push('/');
        path.push_str(&word(fan + twig));
        // The first leaf is the twig's own page.
        if leaf > 0 {
            path.push('/');
            path.push_str(&word(fan + fan * fan + index));
        }
        let dice = scramble(index as u64);
        if dice & 1 == 1 {
            path.push_str("/#");
        }
        Route {
            method: ["GET", "GET", "GET", "POST"][(dice >> 1 & 3) as usize],
            path: Cow::Owned(path),
            weight: 1 + (dice >> 3 & 15) as u32,
            own_us: 4_000 + (dice >> 8 & 0xFFFF) as u32,
            bytes: 300 + (dice >> 24 & 0x7FFF) as u32,
            cached: dice >> 40 & 3 == 0,
        }
    })
}

const CONSONANTS: &[u8; 14] = b"bdfgklmnprstvz";
const VOWELS: &[u8; 5] = b"aeiou";
/// How many syllables there are: a consonant and a vowel.
const SYLLABLES: u64 = 70;

/// The invented word number `number`: three syllables. Different numbers below
/// 343,000 give different words, and neighbours do not look alike, because the
/// factor shares no divisor with the number of words.
fn word(number: usize) -> String {
    let mut rest = number as u64 * 123_457 % (SYLLABLES * SYLLABLES * SYLLABLES);
    let mut letters = Vec::with_capacity(6);
    for _ in 0..3 {
        push_syllable(&mut letters, rest % SYLLABLES);
        rest /= SYLLABLES;
    }
    letters.into_iter().map(char::from).collect()
}

/// A path that no other `key` has: all 64 bits, spelt in eleven syllables over
/// three levels. It looks like words, so that nothing but counting can tell
/// that these are not routes.
pub fn push_scan_path(out: &mut Vec<u8>, key: u64) {
    let mut rest = key;
    for place in 0..11 {
        if matches!(place, 0 | 3 | 6) {
            out.push(b'/');
        }
        push_syllable(out, rest % SYLLABLES);
        rest /= SYLLABLES;
    }
}

fn push_syllable(out: &mut Vec<u8>, syllable: u64) {
    // OK because both tables cover all remainders.
    out.push(CONSONANTS[(syllable / 5) as usize]);
    out.push(VOWELS[(syllable % 5) as usize]);
}
