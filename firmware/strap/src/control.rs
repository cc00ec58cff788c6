//! Carries out control requests (docs/protocol.md, section 6). A refused request has changed nothing.

use embassy_time::{Duration, Instant};
use trouble_host::prelude::*;
use unslouch_strap_core::wire::control::{Answer, Request, Status, parse};

use crate::measuring::{Job, Order};
use crate::motor::Buzz;
use crate::pairing;
use crate::state::{Resend, Shared, StreamPlan};
use crate::stream::{oldest_resent, packet_samples};

/// What is left to do after the answer was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// Ask the log, then answer.
    AskLog {
        /// The request's op.
        op: u8,
        /// Its tag.
        tag: u8,
        /// What it asks.
        request: Request,
    },
    /// Forget bonds and disconnect.
    Forget {
        /// All of them.
        all: bool,
    },
    /// Start again.
    Reboot {
        /// Into the bootloader.
        bootloader: bool,
    },
}

/// Carry out one request: the answer, and what follows it.
pub fn execute<P: PacketPool>(
    shared: &Shared,
    conn: &Connection<'_, P>,
    panic_text: &[u8],
    bytes: &[u8],
) -> (Option<Answer>, After) {
    let (op, tag, request) = parse(bytes);
    let ok = |after| (Some(Answer::new(op, tag, Status::Ok)), after);
    let refused = |status| {
        shared.with(|state| state.refused = state.refused.saturating_add(1));
        (Some(Answer::new(op, tag, status)), After::Nothing)
    };
    let request = match request {
        Ok(request) => request,
        Err(status) => return refused(status),
    };
    match request {
        Request::Start { profile, samples } => {
            let plan = StreamPlan {
                profile,
                samples,
                number: shared.with(|state| {
                    state.starts = state.starts.wrapping_add(1);
                    state.starts
                }),
            };
            let Some(used) = packet_samples(conn, plan) else {
                return refused(Status::NotNow);
            };
            let dt = shared.with(|state| {
                state.stream = Some(plan);
                state.resend = None;
                (state.period_us / 2.0 + 0.5) as u16
            });
            shared.fresh.signal(());
            // a resend that ran is given up, and with it what it wanted of the link
            shared.link_wanted.signal(());
            shared.note_change();
            let answer = Answer::with(op, tag, Status::Ok, |out| {
                out.u8(used as u8).u16(dt);
            });
            (Some(answer), After::Nothing)
        }
        Request::Stop => {
            shared.with(|state| (state.stream, state.resend) = (None, None));
            shared.link_wanted.signal(());
            shared.note_change();
            ok(After::Nothing)
        }
        Request::Mode { economy } => {
            shared.with(|state| {
                (state.economy, state.mode_set, state.parameters) = (economy, true, None);
            });
            shared.link_wanted.signal(());
            shared.note_change();
            ok(After::Nothing)
        }
        Request::Resend { boot, seq, count } => {
            let found = shared.with(|state| {
                let plan = state.stream.ok_or(Status::NotNow)?;
                let end = seq.saturating_add(u32::from(count)).min(state.ring.next());
                let compact = packet_samples(conn, plan) == Some(1);
                let first = state
                    .ring
                    .first_since(seq, oldest_resent(state.ring, compact))
                    .filter(|first| boot == state.boot && *first < end);
                let first = first.ok_or(Status::Gone)?;
                state.resend = Some(Resend { next: first, end });
                Ok((first, (end - first) as u16))
            });
            match found {
                Ok((first, count)) => {
                    shared.asked.signal(());
                    shared.link_wanted.signal(());
                    let answer = Answer::with(op, tag, Status::Ok, |out| {
                        out.u32(first).u16(count);
                    });
                    (Some(answer), After::Nothing)
                }
                Err(status) => refused(status),
            }
        }
        Request::SetGate(gate) => {
            shared.with(|state| state.settings.gate = gate);
            shared.save.signal(());
            shared.note_change();
            ok(After::Nothing)
        }
        Request::GetGate => {
            let gate = shared.with(|state| state.settings.gate);
            (
                Some(Answer::with(op, tag, Status::Ok, |out| gate.write(out))),
                After::Nothing,
            )
        }
        Request::SetMotor { pattern, strength } => {
            shared.with(|state| {
                (state.settings.pattern, state.settings.strength) = (pattern, strength)
            });
            shared.save.signal(());
            ok(After::Nothing)
        }
        Request::Buzz { pattern, strength } => {
            match shared.buzz.try_send(Buzz { pattern, strength }) {
                Ok(()) => ok(After::Nothing),
                Err(_) => refused(Status::Busy),
            }
        }
        Request::SetTime { utc } => {
            let now = Instant::now().as_micros();
            shared.with(|state| {
                state.utc_offset = Some(utc.wrapping_sub(now));
                state.time_told = true;
            });
            shared.time_set.signal((utc, now));
            shared.note_change();
            let answer = Answer::with(op, tag, Status::Ok, |out| {
                out.u48(now);
            });
            (Some(answer), After::Nothing)
        }
        Request::Forget { all } => ok(After::Forget { all }),
        Request::SetMount(mount) => {
            shared.with(|state| state.settings.mount = mount.valid.then_some(mount));
            shared.save.signal(());
            shared.note_change();
            ok(After::Nothing)
        }
        Request::Panic { offset } => {
            let from = usize::from(offset);
            let panic_text = if shared.with(|state| state.panic_waits) {
                panic_text
            } else {
                &[]
            };
            let Some(rest) = panic_text.get(from..) else {
                return refused(Status::OutOfRange);
            };
            let answer = Answer::with(op, tag, Status::Ok, |out| {
                let room = unslouch_strap_core::wire::control::LONGEST - 5;
                out.u16(panic_text.len() as u16)
                    .put(rest.get(..rest.len().min(room)).unwrap_or(&[]));
            });
            (Some(answer), After::Nothing)
        }
        Request::PanicClear => {
            shared.with(|state| state.panic_waits = false);
            shared.save.signal(());
            shared.note_change();
            ok(After::Nothing)
        }
        Request::Snooze { seconds } => {
            shared.with(|state| {
                state.snooze_until =
                    (seconds > 0).then(|| Instant::now() + Duration::from_secs(u64::from(seconds)));
            });
            shared.note_change();
            ok(After::Nothing)
        }
        Request::Reboot { bootloader } => ok(After::Reboot { bootloader }),
        Request::Pairing { seconds } => {
            pairing::open(shared, Duration::from_secs(u64::from(seconds)));
            ok(After::Nothing)
        }
        Request::LogStop => {
            shared.with(|state| {
                if let Some(transfer) = &mut state.transfer {
                    transfer.stopped = true;
                }
            });
            ok(After::Nothing)
        }
        Request::LogRead { .. }
        | Request::LogConfirm { .. }
        | Request::Stored { .. }
        | Request::Mark { .. } => (None, After::AskLog { op, tag, request }),
        Request::CalBias | Request::CalScale { .. } | Request::CalAcc { .. } => {
            match measure(shared, op, tag, &request) {
                Status::Working => (Some(Answer::new(op, tag, Status::Working)), After::Nothing),
                status => refused(status),
            }
        }
    }
}

/// Begin a calibration: WORKING, or why not. One at a time; a turn that runs can only be ended or cancelled.
fn measure(shared: &Shared, op: u8, tag: u8, request: &Request) -> Status {
    shared.with(|state| {
        if state.job.is_some() {
            return Status::Busy;
        }
        let (order, turning) = match (*request, state.turning) {
            (Request::CalScale { axis, phase: 0, .. }, None) => {
                (Order::TurnBegins { axis }, Some(axis))
            }
            (
                Request::CalScale {
                    axis,
                    phase: 1,
                    angle,
                },
                Some(turned),
            ) if axis == turned => {
                let angle = (angle as f32 * 0.01).to_radians();
                (Order::TurnEnds { angle }, None)
            }
            (Request::CalScale { phase: 1, .. }, _) => return Status::NotNow,
            (Request::CalScale { phase: 2, .. }, _) => (Order::TurnCancelled, None),
            (_, Some(_)) => return Status::Busy,
            (Request::CalBias, None) => (Order::Bias, None),
            (Request::CalAcc { face }, None) => (Order::Face { face }, None),
            _ => return Status::UnknownOp,
        };
        state.turning = turning;
        state.job = Some(Job { op, tag, order });
        Status::Working
    })
}
