//! What the tasks share. One executor, one thread: short borrows of one cell, and signals between tasks.

use core::cell::{Cell, RefCell};

use bt_hci::param::ConnHandle;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant};
use heapless::Vec;
use unslouch_strap_core::wire::calibration::SensorCalibration;
use unslouch_strap_core::wire::control::{Gate, LONGEST, Mount, Pattern, Status};
use unslouch_strap_core::wire::event::{Event, EventRecord};
use unslouch_strap_core::wire::stream::Profile;

use unslouch_strap_core::wire::log::Builder;

use crate::measuring::Job;
use crate::motor::Buzz;
use crate::platform::ResetReason;
use crate::ring::Ring;
use crate::transfer::Transfer;

/// After sharp pain the strap cues nothing for this long.
pub const PAIN_SILENCE: Duration = Duration::from_secs(600);
/// Control requests that may wait.
pub const REQUESTS: usize = 4;

/// A control request as it was written.
pub type RequestBytes = Vec<u8, LONGEST>;

/// The stream that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlan {
    /// What it carries.
    pub profile: Profile,
    /// Samples per packet.
    pub samples: u8,
    /// Tells one START from the next.
    pub number: u8,
}

/// Samples to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// The next one.
    pub next: u32,
    /// The one after the last.
    pub end: u32,
}

/// What the strap is there for. The watchdog is fed only while each of them goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// The sensor is asked, and answers.
    Sampling = 1,
    /// Its samples go through fusion and gate.
    Judging = 2,
    /// The log takes what comes, and the flash answers.
    Logging = 4,
}

/// All of them.
const DUTIES: u8 = 7;

/// What is kept over boots besides bonds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The posture gate.
    pub gate: Gate,
    /// The cue's pattern.
    pub pattern: Pattern,
    /// Its strength, %.
    pub strength: u8,
    /// Where the sensor sits and what upright is.
    pub mount: Option<Mount>,
    /// The sensor's calibration.
    pub calibration: SensorCalibration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // the companion's defaults (docs/signal.md): enter and leave for flexion, extension, lean
            gate: Gate {
                enable: 0b1101,
                angles: [1200, 700, 1200, 700, 1200, 700],
                dwell: 150,
                quiet: 60,
            },
            pattern: Pattern::Double,
            strength: 80,
            mount: None,
            calibration: SensorCalibration::default(),
        }
    }
}

/// Everything the tasks know.
pub struct State {
    /// Which start this is.
    pub boot: u16,
    /// Why.
    pub reset_reason: ResetReason,
    /// What is kept over boots.
    pub settings: Settings,
    /// The last samples; in a static, for 40 KB are too much to be moved over a stack.
    pub ring: &'static mut Ring,
    /// Period of the samples, µs, as the sensor's FIFO shows it.
    pub period_us: f32,
    /// Temperature of the sensor, °C.
    pub temperature: f32,
    /// Samples truly lost since boot.
    pub lost: u32,
    /// Motor running or just stopped.
    pub motor: bool,
    /// Not worn.
    pub off_body: bool,
    /// On the charger.
    pub charging: bool,
    /// mV, 0 unknown.
    pub battery_mv: u16,
    /// %, 255 unknown.
    pub battery_percent: u8,
    /// The pairing window is open until then.
    pub pairing_until: Option<Instant>,
    /// Advertise fast until then.
    pub fast_until: Option<Instant>,
    /// No cues until then.
    pub snooze_until: Option<Instant>,
    /// No cues until then, by sharp pain.
    pub gate_holds_until: Option<Instant>,
    /// The running stream.
    pub stream: Option<StreamPlan>,
    /// How often a stream was started.
    pub starts: u8,
    /// A central that may use the strap is connected.
    pub connected: bool,
    /// Link parameters wanted: economy instead of low latency.
    pub economy: bool,
    /// What was last asked of the link: economy or not; None when it is to be asked anew, and before MODE.
    pub parameters: Option<bool>,
    /// The central has set a mode.
    pub mode_set: bool,
    /// Samples to send again.
    pub resend: Option<Resend>,
    /// The calibration that runs.
    pub job: Option<Job>,
    /// The axis of a turn that runs.
    pub turning: Option<u8>,
    /// The log transfer that runs.
    pub transfer: Option<Transfer>,
    /// The log record that is being filled.
    pub record: Option<Builder>,
    /// Stream samples per log sample.
    pub log_step: u8,
    /// Ids of the events that this connection's stream carried, one after the other: first and last.
    pub carried: Option<(u32, u32)>,
    /// The link whose key was asked for and not yet given.
    pub key_asked: Option<ConnHandle>,
    /// This connection's central has set the time.
    pub time_told: bool,
    /// Bonds kept.
    pub bonds: u8,
    /// HCI reason of the last disconnect.
    pub disconnect_reason: u8,
    /// Control requests refused since boot.
    pub refused: u16,
    /// µs to add to the clock for UTC, when known.
    pub utc_offset: Option<u64>,
    /// The next record of the log.
    pub next_id: u32,
    /// The oldest record held.
    pub oldest_id: u32,
    /// The oldest unconfirmed record.
    pub unconfirmed_id: u32,
    /// Flash failed.
    pub flash_fault: bool,
    /// A panic's text waits.
    pub panic_waits: bool,
    /// Number of the board (docs/protocol.md, section 7).
    pub board: u8,
}

/// The cell and the signals between tasks.
pub struct Shared {
    state: RefCell<State>,
    done: Cell<u8>,
    /// New samples are in the ring, or the stream's plan changed.
    pub fresh: Signal<NoopRawMutex, ()>,
    /// Buzzes to play.
    pub buzz: Channel<NoopRawMutex, Buzz, 2>,
    /// Stop the buzz that plays.
    pub stop_buzz: Signal<NoopRawMutex, ()>,
    /// Something that STATUS tells changed.
    pub status_changed: Signal<NoopRawMutex, ()>,
    /// Something that advertising tells changed.
    pub advertising_changed: Signal<NoopRawMutex, ()>,
    /// The pairing window was opened or closed.
    pub pairing_changed: Signal<NoopRawMutex, ()>,
    /// The battery's percent changed.
    pub battery_changed: Signal<NoopRawMutex, u8>,
    /// Control requests that wait.
    pub requests: Channel<NoopRawMutex, RequestBytes, REQUESTS>,
    /// The sampler has a reason to wake: a central came, the charger changed.
    pub wake: Signal<NoopRawMutex, ()>,
    /// Other link parameters may be wanted.
    pub link_wanted: Signal<NoopRawMutex, ()>,
    /// How a calibration ended: op, tag and status of its second answer.
    pub measured: Signal<NoopRawMutex, (u8, u8, Status)>,
    /// The calibration's record changed.
    pub calibration_changed: Signal<NoopRawMutex, ()>,
    /// The sample numbers are used up.
    pub restart: Signal<NoopRawMutex, ()>,
    /// The central wants to encrypt with a key it has.
    pub key_asked: Signal<NoopRawMutex, ()>,
    /// Samples or log records were asked for.
    pub asked: Signal<NoopRawMutex, ()>,
    /// Held by whoever sends a notification.
    pub air: Mutex<NoopRawMutex, ()>,
    /// Log records to write.
    pub records: Channel<NoopRawMutex, Builder, 4>,
    /// The companion set the time: µs since 1970, and of the strap's clock then.
    pub time_set: Signal<NoopRawMutex, (u64, u64)>,
    /// Settings are to be stored.
    pub save: Signal<NoopRawMutex, ()>,
    /// Write everything to flash now.
    pub flush: Signal<NoopRawMutex, ()>,
    /// Events to log and to stream.
    pub events: Channel<NoopRawMutex, EventRecord, 8>,
    /// Events to stream, after the log gave them an id.
    pub live_events: Channel<NoopRawMutex, EventRecord, 8>,
}

impl Shared {
    /// Begin with what the settings store held.
    pub fn new(
        boot: u16,
        reset_reason: ResetReason,
        settings: Settings,
        board: u8,
        ring: &'static mut Ring,
    ) -> Self {
        Self {
            state: RefCell::new(State {
                boot,
                reset_reason,
                settings,
                ring,
                period_us: 1e6 / 52.0,
                temperature: f32::NAN,
                lost: 0,
                motor: false,
                off_body: false,
                charging: false,
                battery_mv: 0,
                battery_percent: 255,
                pairing_until: None,
                snooze_until: None,
                gate_holds_until: None,
                fast_until: None,
                stream: None,
                starts: 0,
                connected: false,
                economy: false,
                parameters: None,
                mode_set: false,
                job: None,
                turning: None,
                resend: None,
                transfer: None,
                record: None,
                log_step: 5,
                carried: None,
                key_asked: None,
                time_told: false,
                bonds: 0,
                disconnect_reason: 0,
                refused: 0,
                utc_offset: None,
                next_id: 1,
                oldest_id: 1,
                unconfirmed_id: 1,
                flash_fault: false,
                panic_waits: false,
                board,
            }),
            done: Cell::new(0),
            fresh: Signal::new(),
            buzz: Channel::new(),
            stop_buzz: Signal::new(),
            status_changed: Signal::new(),
            advertising_changed: Signal::new(),
            pairing_changed: Signal::new(),
            battery_changed: Signal::new(),
            requests: Channel::new(),
            wake: Signal::new(),
            link_wanted: Signal::new(),
            measured: Signal::new(),
            calibration_changed: Signal::new(),
            restart: Signal::new(),
            key_asked: Signal::new(),
            asked: Signal::new(),
            air: Mutex::new(()),
            records: Channel::new(),
            time_set: Signal::new(),
            save: Signal::new(),
            flush: Signal::new(),
            events: Channel::new(),
            live_events: Channel::new(),
        }
    }

    /// Look at or change the state, without waiting in between.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.borrow_mut())
    }

    /// A duty goes on.
    pub fn goes_on(&self, duty: Duty) {
        self.done.set(self.done.get() | duty as u8);
    }

    /// Whether each duty went on since this was last true.
    pub fn all_goes_on(&self) -> bool {
        let all = self.done.get() == DUTIES;
        if all {
            self.done.set(0);
        }
        all
    }

    /// Something that STATUS or advertising tells changed.
    pub fn note_change(&self) {
        self.status_changed.signal(());
        self.advertising_changed.signal(());
    }

    /// An event that happens now, before the log gave it its id.
    pub fn event_now(&self, event: Event, value: u16) -> EventRecord {
        self.with(|state| EventRecord {
            event: event as u8,
            value,
            id: 0,
            boot: state.boot,
            seq: state.ring.next().saturating_sub(1),
            t: Instant::now().as_micros(),
        })
    }

    /// Note that something happened. The log task gives it its id.
    pub fn event(&self, event: Event, value: u16) {
        if self.events.try_send(self.event_now(event, value)).is_err() {
            // eight events wait for the flash: it fails, and says so in STATUS
            self.with(|state| state.flash_fault = true);
        }
    }
}

impl State {
    /// Begin or end a connection: nothing of the one before is left.
    pub fn forget_central(&mut self) {
        (self.stream, self.resend, self.transfer) = (None, None, None);
        (self.job, self.turning) = (None, None);
        (self.connected, self.economy, self.mode_set) = (false, false, false);
        (self.parameters, self.carried, self.time_told) = (None, None, false);
    }

    /// Whether the pairing window is open.
    pub fn pairing_open(&self) -> bool {
        self.pairing_until
            .is_some_and(|until| Instant::now() < until)
    }
}
