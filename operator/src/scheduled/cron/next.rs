//! The next time a schedule is due, by robfig/cron's rules; they matter where clocks are changed: what falls
//! into the hour that is left out is not due that day, what falls into the hour that comes twice is due twice.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Span, Timestamp};

use super::{Fields, Schedule};

/// After this many years without a match there is none.
const YEARS: i16 = 5;

impl Schedule {
    /// The first time after `now`; `None` if there is none within five years.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let second = Timestamp::from_second(now.as_second()).ok()?;
        match self {
            Schedule::Every(pause) => second.checked_add(*pause).ok(),
            Schedule::At(fields) => fields.next(second.checked_add(SignedDuration::from_secs(1)).ok()?),
        }
    }
}

/// What a search by fields comes to: a moment whose larger fields are right, or that one of them has to be
/// looked at again.
enum Found {
    Here(Moment),
    Wrapped(Moment),
}

/// A moment and what clocks show then.
#[derive(Clone, Copy)]
struct Moment {
    instant: Timestamp,
    shown: DateTime,
}

impl Fields {
    fn next(&self, first: Timestamp) -> Option<Timestamp> {
        let mut moment = self.moment(first);
        let limit = moment.shown.year().checked_add(YEARS)?;
        // Once a field was moved, the smaller ones begin at their lowest value.
        let mut moved = false;
        loop {
            if moment.shown.year() > limit {
                return None;
            }
            let steps = [Self::month, Self::day, Self::hour, Self::minute, Self::second];
            let mut wrapped = false;
            for step in steps {
                match step(self, moment, &mut moved)? {
                    Found::Here(next) => moment = next,
                    Found::Wrapped(next) => {
                        moment = next;
                        wrapped = true;
                        break;
                    }
                }
            }
            if !wrapped {
                return Some(moment.instant);
            }
        }
    }

    fn month(&self, mut at: Moment, moved: &mut bool) -> Option<Found> {
        while !self.month.allows(at.shown.month()) {
            if !std::mem::replace(moved, true) {
                at = self.on(at.shown.date().first_of_month(), Time::midnight())?;
            }
            at = self.on(at.shown.date().checked_add(Span::new().months(1)).ok()?, at.shown.time())?;
            if at.shown.month() == 1 {
                return Some(Found::Wrapped(at));
            }
        }
        Some(Found::Here(at))
    }

    fn day(&self, mut at: Moment, moved: &mut bool) -> Option<Found> {
        while !self.allows_day(at.shown.date()) {
            if !std::mem::replace(moved, true) {
                at = self.on(at.shown.date(), Time::midnight())?;
            }
            at = self.on(at.shown.date().tomorrow().ok()?, at.shown.time())?;
            // Midnight may be left out or come twice.
            let hour = at.shown.hour();
            if hour != 0 {
                let hours = if hour > 12 { 24 - hour } else { -hour };
                at = self.after(at, SignedDuration::from_hours(i64::from(hours)))?;
            }
            if at.shown.day() == 1 {
                return Some(Found::Wrapped(at));
            }
        }
        Some(Found::Here(at))
    }

    fn hour(&self, mut at: Moment, moved: &mut bool) -> Option<Found> {
        while !self.hour.allows(at.shown.hour()) {
            if !std::mem::replace(moved, true) {
                let hour = Time::new(at.shown.hour(), 0, 0, 0).ok()?;
                at = self.on(at.shown.date(), hour)?;
            }
            at = self.after(at, SignedDuration::from_hours(1))?;
            if at.shown.hour() == 0 {
                return Some(Found::Wrapped(at));
            }
        }
        Some(Found::Here(at))
    }

    fn minute(&self, mut at: Moment, moved: &mut bool) -> Option<Found> {
        while !self.minute.allows(at.shown.minute()) {
            if !std::mem::replace(moved, true) {
                let over = at.instant.as_second().rem_euclid(60);
                at = self.after(at, SignedDuration::from_secs(-over))?;
            }
            at = self.after(at, SignedDuration::from_mins(1))?;
            if at.shown.minute() == 0 {
                return Some(Found::Wrapped(at));
            }
        }
        Some(Found::Here(at))
    }

    /// A schedule of five fields is due when a minute begins.
    fn second(&self, mut at: Moment, moved: &mut bool) -> Option<Found> {
        while at.shown.second() != 0 {
            *moved = true;
            at = self.after(at, SignedDuration::from_secs(1))?;
            if at.shown.second() == 0 {
                return Some(Found::Wrapped(at));
            }
        }
        Some(Found::Here(at))
    }

    /// If both the day of the month and the day of the week are restricted, one of them is enough.
    fn allows_day(&self, date: Date) -> bool {
        let by_month = self.day_of_month.allows(date.day());
        let by_week = self.day_of_week.allows(date.weekday().to_sunday_zero_offset());
        if self.day_of_month.is_star() || self.day_of_week.is_star() {
            by_month && by_week
        } else {
            by_month || by_week
        }
    }

    fn moment(&self, instant: Timestamp) -> Moment {
        Moment { instant, shown: self.zone.to_datetime(instant) }
    }

    fn after(&self, at: Moment, duration: SignedDuration) -> Option<Moment> {
        Some(self.moment(at.instant.checked_add(duration).ok()?))
    }

    /// The moment at which clocks show this, as Go finds it: a time that is left out comes out an hour off.
    fn on(&self, date: Date, time: Time) -> Option<Moment> {
        let as_utc = Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
        let minus =
            |offset: Offset| as_utc.checked_sub(SignedDuration::from_secs(i64::from(offset.seconds()))).ok();
        let guess = minus(self.zone.to_offset(as_utc))?;
        Some(self.moment(minus(self.zone.to_offset(guess))?))
    }
}
