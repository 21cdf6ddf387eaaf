//! nginx's two clocks.
//!
//! `$request_time`, `$msec` and `$time_local` come from the wall clock, `$upstream_*_time` from the
//! monotonic one. Both are cut to milliseconds, each at its own phase; that is why a log has requests
//! that are 1 ms shorter than their upstream.

use crate::queue::Micros;

#[derive(Clone, Copy)]
pub struct Clocks {
    /// Microseconds since 1970 at simulated time 0.
    pub epoch_us: u64,
}

/// The monotonic clock's lead; only its phase within a millisecond shows.
const MONOTONIC_LEAD_US: u64 = 86_413_637;

impl Clocks {
    fn wall_ms(self, at: Micros) -> u64 {
        (self.epoch_us + at) / 1_000
    }

    /// Milliseconds between two points of the wall clock.
    pub fn wall_span_ms(self, from: Micros, to: Micros) -> u64 {
        self.wall_ms(to) - self.wall_ms(from)
    }

    /// Milliseconds between two points of the monotonic clock.
    pub fn monotonic_span_ms(self, from: Micros, to: Micros) -> u64 {
        (to + MONOTONIC_LEAD_US) / 1_000 - (from + MONOTONIC_LEAD_US) / 1_000
    }

    /// `$msec`.
    pub fn msec(self, at: Micros) -> String {
        seconds(self.wall_ms(at))
    }

    /// `$time_local`, in UTC.
    pub fn time_local(self, at: Micros) -> String {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let (year, month, day, clock) = self.calendar(at);
        format!("{day:02}/{}/{year}:{clock} +0000", MONTHS[month - 1])
    }

    /// `$time_iso8601`, in UTC.
    pub fn time_iso8601(self, at: Micros) -> String {
        let (year, month, day, clock) = self.calendar(at);
        format!("{year}-{month:02}-{day:02}T{clock}+00:00")
    }

    /// Year, month 1..=12, day of the month, hh:mm:ss.
    fn calendar(self, at: Micros) -> (u64, usize, u64, String) {
        let seconds = self.wall_ms(at) / 1_000;
        let clock = format!(
            "{:02}:{:02}:{:02}",
            seconds / 3_600 % 24,
            seconds / 60 % 60,
            seconds % 60
        );
        let mut year = 1970;
        let mut day = seconds / 86_400;
        while day >= 365 + leap(year) {
            day -= 365 + leap(year);
            year += 1;
        }
        let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while day >= lengths[month] {
            day -= lengths[month];
            month += 1;
        }
        (year, month + 1, day + 1, clock)
    }
}

fn leap(year: u64) -> u64 {
    u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

/// Milliseconds as nginx prints them: seconds with three decimals.
pub fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_clocks_disagree_by_a_millisecond_at_most() {
        let clocks = Clocks {
            epoch_us: 1_772_000_000_000_000,
        };
        let gaps: Vec<i64> = (0..1_000)
            .map(|at| {
                clocks.wall_span_ms(at, at + 5_500) as i64
                    - clocks.monotonic_span_ms(at, at + 5_500) as i64
            })
            .collect();
        assert_eq!(gaps.iter().min(), Some(&-1));
        assert_eq!(gaps.iter().max(), Some(&1));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let leap_day = Clocks {
            epoch_us: 1_709_164_800_000_000,
        };
        assert_eq!(leap_day.time_local(1_999_999), "29/Feb/2024:00:00:01 +0000");
        assert_eq!(
            leap_day.time_iso8601(86_400_000_000),
            "2024-03-01T00:00:00+00:00"
        );
        assert_eq!(leap_day.msec(1_999), "1709164800.001");
    }
}
