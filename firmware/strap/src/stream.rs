//! Sends samples as they come. Slow radio delays packets, never sampling.

use embassy_time::{Duration, Instant, with_timeout};
use trouble_host::att::AttUns;
use trouble_host::gatt::GattData;
use trouble_host::prelude::*;
use unslouch_strap_core::wire::stream::{self, Header, Profile, Sample, samples_that_fit};
use unslouch_strap_core::wire::{PAYLOAD_MAX, event, flags};

use crate::calibrated::calibrated;
use crate::gatt::Server;
use crate::ring::{Ring, Run};
use crate::state::{Shared, StreamPlan};

/// Compact packets need an anchor this often.
const ANCHOR_EVERY: Duration = Duration::from_secs(5);
/// A step in time this long without a lost sample is a pause, after which an anchor goes first.
const PAUSE_US: u64 = 1_000_000;

/// Samples older than this are not sent again in compact packets (docs/protocol.md, 4.4).
const COMPACT_REACH_US: u64 = 120_000_000;

/// Where the live stream stands.
struct Cursor {
    plan: StreamPlan,
    next: u32,
    last_t: Option<u64>,
    anchored: Option<Instant>,
}

/// Samples a packet can take on this connection; None when the MTU is too small for the profile.
pub fn packet_samples<P: PacketPool>(conn: &Connection<'_, P>, plan: StreamPlan) -> Option<usize> {
    samples_that_fit(plan.profile, payload(conn), plan.samples)
}

/// Largest payload of a notification.
pub fn payload<P: PacketPool>(conn: &Connection<'_, P>) -> usize {
    usize::from(conn.att_mtu())
        .saturating_sub(3)
        .min(PAYLOAD_MAX)
}

/// Stream for as long as the connection lasts.
pub async fn serve(
    shared: &Shared,
    server: &Server<'_>,
    conn: &GattConnection<'_, '_, DefaultPacketPool>,
) -> Result<(), Error> {
    let mut cursor: Option<Cursor> = None;
    let mut buffer = [0; PAYLOAD_MAX];
    loop {
        // the timeout carries a stream through that asks for less than the sensor gives
        let _ = with_timeout(Duration::from_millis(200), shared.fresh.wait()).await;
        loop {
            let plan = shared.with(|state| state.stream);
            match (&mut cursor, plan) {
                (Some(at), Some(plan)) if at.plan == plan => {}
                (at, Some(plan)) => {
                    // started again while it runs, it goes on where it was
                    let next = match at {
                        Some(at) => at.next,
                        None => shared.with(|state| state.ring.next()),
                    };
                    *at = Some(Cursor {
                        plan,
                        next,
                        last_t: None,
                        anchored: None,
                    });
                }
                (at, None) => *at = None,
            }
            let Some(length) = next_packet(shared, conn.raw(), &mut cursor, &mut buffer) else {
                break;
            };
            let packet = buffer.get(..length).unwrap_or(&[]);
            notify(shared, &server.strap.stream, conn, packet).await?;
        }
    }
}

/// Send a notification, waiting where the host has no buffer left. One at a time: what waits holds a packet of the
/// host's few, and those who wait get their turn in the order in which `connection` polls them.
pub fn notify<T: AsGatt + Clone>(
    shared: &Shared,
    characteristic: &Characteristic<T>,
    conn: &GattConnection<'_, '_, DefaultPacketPool>,
    bytes: &[u8],
) -> impl Future<Output = Result<(), Error>> {
    notify_raw(shared, characteristic.clone().to_raw(), conn, bytes)
}

/// Made once, not for each type of value. The host's own way of notifying could ask for encryption first, with all that
/// belongs to it; here nothing is sent before the link is encrypted, so that is only looked at.
async fn notify_raw(
    shared: &Shared,
    characteristic: Characteristic<[u8]>,
    conn: &GattConnection<'_, '_, DefaultPacketPool>,
    bytes: &[u8],
) -> Result<(), Error> {
    let _turn = shared.air.lock().await;
    loop {
        if !characteristic.should_notify(conn) {
            return Ok(());
        }
        if !conn.raw().security_level()?.encrypted() {
            return Err(AttErrorCode::INSUFFICIENT_ENCRYPTION.into());
        }
        let value = AttUns::Notify {
            handle: characteristic.handle,
            data: bytes,
        };
        match GattData::send_unsolicited(conn.raw(), value).await {
            Err(Error::OutOfMemory) => embassy_time::Timer::after_millis(5).await,
            other => return other,
        }
    }
}

fn next_packet<P: PacketPool>(
    shared: &Shared,
    conn: &Connection<'_, P>,
    cursor: &mut Option<Cursor>,
    buffer: &mut [u8; PAYLOAD_MAX],
) -> Option<usize> {
    let cursor = cursor.as_mut()?;
    if let Ok(record) = shared.live_events.try_receive() {
        shared.with(|state| {
            if record.id > 0 {
                let first = state.carried.map_or(record.id, |(first, _)| first);
                state.carried = Some((first, record.id));
            }
        });
        return record.encode(&mut buffer[..event::EVENT]).map(<[u8]>::len);
    }
    let samples = packet_samples(conn, cursor.plan)?;
    shared.with(|state| {
        if cursor.next < state.ring.oldest() {
            // the radio was slower than half a minute: the companion finds the hole and asks the log
            cursor.next = state.ring.oldest();
        }
        live_packet(
            state.ring,
            state.boot,
            state.period_us,
            cursor,
            samples,
            buffer,
            state,
        )
    })
}

/// The next packet of what was asked for again.
pub fn resent_packet<P: PacketPool>(
    shared: &Shared,
    conn: &Connection<'_, P>,
    buffer: &mut [u8; PAYLOAD_MAX],
) -> Option<usize> {
    let plan = shared.with(|state| state.stream)?;
    let samples = packet_samples(conn, plan)?;
    shared.with(|state| {
        let resend = state.resend.as_mut()?;
        let oldest_t = oldest_resent(state.ring, samples == 1);
        let first = state.ring.first_since(resend.next, oldest_t);
        let Some(first) = first.filter(|first| *first < resend.end) else {
            state.resend = None;
            shared.link_wanted.signal(());
            return None;
        };
        let most = samples.min((resend.end - first) as usize);
        let run = state.ring.run(state.boot, first, most, state.period_us)?;
        resend.next = first.saturating_add(run.n as u32);
        encode(
            state.ring,
            &run,
            plan.profile,
            samples == 1,
            flags::RESENT,
            &state.settings.calibration,
            buffer,
        )
    })
}

/// Time of the oldest sample that may be sent again: the short numbers of compact packets reach no farther back.
pub fn oldest_resent(ring: &Ring, compact: bool) -> u64 {
    let reach = if compact { COMPACT_REACH_US } else { u64::MAX };
    ring.newest_t().saturating_sub(reach)
}

fn live_packet(
    ring: &Ring,
    boot: u16,
    period_us: f32,
    cursor: &mut Cursor,
    samples: usize,
    buffer: &mut [u8; PAYLOAD_MAX],
    state: &crate::state::State,
) -> Option<usize> {
    let Some(first) = ring.first_from(cursor.next) else {
        if cursor.anchored.is_none() {
            cursor.anchored = Some(Instant::now());
            let t = Instant::now().as_micros();
            cursor.last_t = Some(t);
            return anchor(
                Header {
                    flags: 0,
                    boot,
                    seq: cursor.next,
                    t,
                    dt: (period_us / 2.0) as u16,
                },
                buffer,
            );
        }
        return None;
    };
    let run = ring.run(boot, first, samples, period_us)?;
    let compact = samples == 1;
    // a compact packet's short numbers are counted from an anchor: after a long loss it needs one, too
    let paused = cursor.last_t.is_some_and(|last| {
        run.header.t.saturating_sub(last) > PAUSE_US
            && (compact || run.header.flags & flags::LOST_BEFORE == 0)
    });
    let stale = cursor
        .anchored
        .is_none_or(|at| compact && at.elapsed() > ANCHOR_EVERY);
    if paused || stale {
        cursor.anchored = Some(Instant::now());
        cursor.last_t = Some(run.header.t);
        return anchor(run.header, buffer);
    }
    if !run.closed {
        return None;
    }
    cursor.next = first.saturating_add(run.n as u32);
    cursor.last_t = Some(run.header.t + (run.n as u64 - 1) * 2 * u64::from(run.header.dt));
    encode(
        ring,
        &run,
        cursor.plan.profile,
        compact,
        0,
        &state.settings.calibration,
        buffer,
    )
}

fn anchor(header: Header, buffer: &mut [u8; PAYLOAD_MAX]) -> Option<usize> {
    stream::encode_anchor(buffer, &header).map(<[u8]>::len)
}

fn encode(
    ring: &Ring,
    run: &Run,
    profile: Profile,
    compact: bool,
    extra: u8,
    calibration: &unslouch_strap_core::wire::calibration::SensorCalibration,
    buffer: &mut [u8; PAYLOAD_MAX],
) -> Option<usize> {
    let header = Header {
        flags: run.header.flags | extra,
        ..run.header
    };
    let sample = |i: usize| -> Sample {
        // the run was made from slots that are there
        let slot = ring.get(header.seq + i as u32).map(|(slot, _)| slot);
        let (orientation, raw_acc, raw_gyr) = slot.map_or(([0; 6], [0; 3], [0; 3]), |slot| {
            (slot.orientation, slot.raw_acc, slot.raw_gyr)
        });
        let (acc, gyr) = calibrated(calibration, raw_acc, raw_gyr);
        Sample {
            orientation,
            acc: acc.counts,
            gyr: gyr.counts,
            raw_acc,
            raw_gyr,
        }
    };
    if compact {
        return stream::encode_compact(buffer, &header, &sample(0)).map(<[u8]>::len);
    }
    stream::encode(buffer, profile, &header, (0..run.n).map(sample)).map(<[u8]>::len)
}
