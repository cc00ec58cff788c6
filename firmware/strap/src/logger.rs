//! Writes records, events and times to the flash log; never in the way of sampling.

use embassy_futures::select::{Either4, select4};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::with_timeout;
use embedded_storage_async::nor_flash::NorFlash;
use unslouch_strap_core::log::{Log, LogError, RECORD_MAX};
use unslouch_strap_core::wire::Kind;
use unslouch_strap_core::wire::event::{Event, EventRecord, TimeRecord};
use unslouch_strap_core::wire::flags;
use unslouch_strap_core::wire::log::{Builder, Header, Record};

use crate::platform::SIGN_OF_LIFE;
use crate::state::{Duty, Shared, State};

/// The log, shared by tasks that wait for flash.
pub type SharedLog<F> = Mutex<NoopRawMutex, Option<Log<F>>>;

/// Least rate of log samples, Hz.
const LOG_HZ: f32 = 10.0;
/// A TIME record is written again when the clock is off by more than this, µs.
const TIME_TOLERANCE: u64 = 50_000;
/// Records that STORED looks at before whoever waits for the log has a turn.
const AT_A_TIME: u32 = 16;
/// Flags for which a record is closed.
const CLOSING: u8 =
    flags::MOTOR | flags::WALKING | flags::LYING | flags::SATURATED | flags::LOST_BEFORE;

/// Stream samples per log sample at a rate: as many as leave 10 Hz.
pub fn step(period_us: f32) -> u8 {
    ((1e6 / period_us / LOG_HZ) as u8).max(1)
}

/// Take the newest sample into the record that is being filled; closes it when full or when it must not go on.
pub fn take(shared: &Shared, state: &mut State, orientation: [f32; 4], bits: u8, t: u64) {
    let seq = state.ring.next().wrapping_sub(1);
    let step = state.log_step;
    // nothing is logged off body and on the charger
    if bits & (flags::OFF_BODY | flags::CHARGER) != 0 {
        close_record(shared, state);
        return;
    }
    if !seq.is_multiple_of(u32::from(step)) {
        return;
    }
    let bits = bits & !flags::RESENT;
    let goes_on = state.record.as_ref().is_some_and(|record| {
        let header = record.header();
        let due = record.last_seq().wrapping_add(u32::from(step)) == seq;
        let pace = record.len() as f32 * f32::from(step) * state.period_us;
        let off = t.wrapping_sub(header.t) as f32 - pace;
        due && header.step == step
            && (header.flags ^ bits) & CLOSING & !flags::LOST_BEFORE == 0
            && bits & flags::LOST_BEFORE == 0
            && off.abs() < 0.5 * state.period_us + 0.05 * pace
    });
    if !goes_on {
        close_record(shared, state);
    }
    let dt = (state.period_us / 2.0 + 0.5) as u16;
    let (boot, header_flags) = (state.boot, bits);
    let record = state.record.get_or_insert_with(|| {
        Builder::new(Header {
            flags: header_flags,
            step,
            id: 0,
            boot,
            seq,
            t,
            dt,
        })
    });
    record.push(orientation);
    if record.is_full() {
        close_record(shared, state);
    }
}

/// Close the record that is being filled.
pub fn close_record(shared: &Shared, state: &mut State) {
    if let Some(record) = state.record.take() {
        close(shared, state, record);
    }
}

fn close(shared: &Shared, state: &mut State, record: Builder) {
    if shared.records.try_send(record).is_err() {
        // four records wait, a quarter of a minute: the flash does not answer
        state.flash_fault = true;
    }
}

/// Give what came its place in the log, for ever.
pub async fn run<F: NorFlash>(shared: &Shared, log: &SharedLog<F>) {
    let mut dated: Option<u64> = None;
    loop {
        shared.goes_on(Duty::Logging);
        let next = select4(
            shared.records.receive(),
            shared.events.receive(),
            shared.time_set.wait(),
            shared.flush.wait(),
        );
        let Ok(next) = with_timeout(SIGN_OF_LIFE, next).await else {
            continue;
        };
        match next {
            Either4::First(record) => store_record(shared, log, record).await,
            Either4::Second(event) => {
                store_event(shared, log, event).await;
            }
            Either4::Third((utc, now)) => {
                let offset = utc.wrapping_sub(now);
                if dated.is_none_or(|dated| dated.abs_diff(offset) > TIME_TOLERANCE) {
                    dated = Some(offset);
                    store_time(shared, log, utc, now).await;
                }
            }
            Either4::Fourth(()) => {
                if let Some(record) = shared.with(|state| state.record.take()) {
                    store_record(shared, log, record).await;
                }
            }
        }
    }
}

/// Write everything that waits: the strap is about to stop.
pub async fn write_out<F: NorFlash>(shared: &Shared, log: &SharedLog<F>) {
    shared.with(|state| close_record(shared, state));
    while let Ok(record) = shared.records.try_receive() {
        store_record(shared, log, record).await;
    }
    while let Ok(event) = shared.events.try_receive() {
        store_event(shared, log, event).await;
    }
}

/// The closure is borrowed: this is made once, not for each kind of record.
async fn append<F: NorFlash>(
    shared: &Shared,
    log: &SharedLog<F>,
    encode: &mut dyn FnMut(u32, &mut [u8; RECORD_MAX]) -> usize,
) -> Option<u32> {
    let mut log = log.lock().await;
    let appended = match log.as_mut() {
        Some(log) => log.append(|id, buffer| encode(id, buffer)).await,
        None => Err(LogError::Flash),
    };
    let lost = log.as_mut().map_or(0, Log::take_overwritten);
    note(shared, log.as_ref());
    drop(log);
    if lost > 0 {
        shared.event(Event::RecordsLost, lost.min(u32::from(u16::MAX)) as u16);
    }
    match appended {
        Ok(id) => Some(id),
        Err(_) => {
            shared.with(|state| state.flash_fault = true);
            None
        }
    }
}

/// Tell STATUS where the log stands.
pub fn note<F: NorFlash>(shared: &Shared, log: Option<&Log<F>>) {
    if let Some(log) = log {
        let ids = (log.next_id(), log.oldest_id(), log.unconfirmed_id());
        shared.with(|state| (state.next_id, state.oldest_id, state.unconfirmed_id) = ids);
    }
}

async fn store_record<F: NorFlash>(shared: &Shared, log: &SharedLog<F>, mut record: Builder) {
    append(shared, log, &mut |id, buffer| {
        let bytes = record.finish(id);
        if let Some(room) = buffer.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        bytes.len()
    })
    .await;
}

/// Put an event into the log and on the stream; its id, None where the flash failed.
pub async fn store_event<F: NorFlash>(
    shared: &Shared,
    log: &SharedLog<F>,
    mut event: EventRecord,
) -> Option<u32> {
    let id = append(shared, log, &mut |id, buffer| {
        event.id = id;
        event.encode(buffer).map_or(0, <[u8]>::len)
    })
    .await;
    event.id = id.unwrap_or(0);
    if shared.live_events.is_full() {
        // nobody listens, and the log has it; what this connection carried before is no longer all up to a later one
        let _ = shared.live_events.try_receive();
        shared.with(|state| state.carried = None);
    }
    // there is room
    let _ = shared.live_events.try_send(event);
    shared.fresh.signal(());
    id
}

async fn store_time<F: NorFlash>(shared: &Shared, log: &SharedLog<F>, utc: u64, now: u64) {
    let (boot, seq) = shared.with(|state| (state.boot, state.ring.next().saturating_sub(1)));
    append(shared, log, &mut |id, buffer| {
        let time = TimeRecord {
            id,
            boot,
            seq,
            t: now,
            utc,
        };
        time.encode(buffer).map_or(0, <[u8]>::len)
    })
    .await;
}

/// Whether STORED (boot, seq) covers the record `id`, which the log holds as `bytes` (docs/protocol.md, 6.3).
fn is_covered(
    (boot, seq): (u16, u32),
    carried: Option<(u32, u32)>,
    time_told: bool,
    id: u32,
    bytes: &[u8],
) -> bool {
    match bytes.first().copied() {
        Some(first) if first == Kind::Log.byte() => Record::parse(bytes)
            .is_ok_and(|record| record.header.boot == boot && record.last_seq() <= seq),
        Some(first) if first == Kind::Event.byte() => {
            EventRecord::parse(bytes).is_ok_and(|event| {
                event.boot == boot
                    && carried.is_some_and(|(first, last)| (first..=last).contains(&id))
            })
        }
        Some(first) if first == Kind::Time.byte() => {
            TimeRecord::parse(bytes).is_ok_and(|time| time.boot == boot && time_told)
        }
        // of another firmware's version: only LOG_CONFIRM may release what this one cannot read
        Some(_) => false,
        None => true,
    }
}

/// The last record that STORED (boot, seq) releases, from the oldest unconfirmed one on. A full log takes seconds to look
/// through: what is to be written meanwhile comes in between.
pub async fn stored_up_to<F: NorFlash>(
    log: &SharedLog<F>,
    stored: (u16, u32),
    carried: Option<(u32, u32)>,
    time_told: bool,
) -> Result<Option<u32>, LogError> {
    let mut released = None;
    let mut buffer = [0; RECORD_MAX];
    loop {
        let mut guard = log.lock().await;
        let Some(log) = guard.as_mut() else {
            return Err(LogError::Flash);
        };
        // what was looked at may have been overwritten since
        let first = released.map_or(0, |id| id + 1).max(log.unconfirmed_id());
        let end = log.next_id().min(first + AT_A_TIME);
        for id in first..end {
            // one that was torn by a power cut holds nothing to keep
            if let Some(length) = log.read(id, &mut buffer).await? {
                let bytes = buffer.get(..length).unwrap_or(&[]);
                if !is_covered(stored, carried, time_told, id, bytes) {
                    return Ok(released);
                }
            }
            released = Some(id);
        }
        if end >= log.next_id() {
            return Ok(released);
        }
        drop(guard);
        // without a rest it would have the lock again before whoever waits for it
        yield_now().await;
    }
}
