//! All moments that the monitor keeps. When the wall clock is set they are moved with it, so that each is as far from now
//! as before: nothing is decided otherwise, only the dates that are shown are others.

use super::super::attempt::Attempt;
use super::super::check::{Activity, CheckState, MissedTick};
use super::super::moment::Moment;
use super::super::moments::Moments;
use super::super::warmup::Warming;
use super::Monitor;

impl Moments for Monitor {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self {
            checks,
            order: _,
            unclosed: _,
            shared,
            removed,
            noted_after_end: _,
        } = self;
        checks.each_moment(change);
        shared.each_moment(change);
        for (at, state) in removed.values_mut() {
            at.each_moment(change);
            state.each_moment(change);
        }
    }
}

impl Moments for CheckState {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self {
            check: _,
            answer: _,
            memory,
            activity,
            attempt,
            warming,
            warm_due: _,
            listening: _,
            has_acted: _,
            held: _,
            // it is over, and keeps the dates that it was given
            closed: _,
            unwritten: _,
            unlisted: _,
            unasked: _,
            unknown_targets: _,
            maintenance,
            missed,
            probed,
            removed: _,
            counts: _,
            seen: _,
            stopped: _,
        } = self;
        memory.each_moment(change);
        activity.each_moment(change);
        attempt.each_moment(change);
        warming.each_moment(change);
        if let Some(window) = maintenance {
            window.hold.each_moment(change);
        }
        missed.each_moment(change);
        probed.each_moment(change);
    }
}

impl Moments for Activity {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        match self {
            Self::Idle => {}
            Self::Listing { begun, .. }
            | Self::Probing { begun, .. }
            | Self::Acting { begun, .. } => begun.each_moment(change),
        }
    }
}

impl Moments for MissedTick {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.at.each_moment(change);
    }
}

impl Moments for Attempt {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.begun.each_moment(change);
        if let Some(awaiting) = &mut self.awaiting {
            awaiting.since.each_moment(change);
        }
    }
}

impl Moments for Warming {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.since.each_moment(change);
        self.processes.each_moment(change);
    }
}
