//! The strap application on the Seeed XIAO nRF52840 Sense.
//!
//! | pin | use |
//! |---|---|
//! | P0.02 (D0) | button to ground |
//! | P0.03 (D1) | motor, over a transistor |
//! | P0.30 | green lamp, on when low |
//! | P0.07, P0.27, P0.11, P1.08 | LSM6DS3TR-C: SDA, SCL, INT1, supply |
//! | P0.20 - P0.25 | P25Q16H |
//! | P0.31, P0.14 | cell over the divider, divider's foot |
//! | P0.17, P0.13 | charger: charging when low, 100 mA when low |
//!
//! Nordic's controller is binary and under the Nordic 5-Clause licence: this image may run on Nordic's chips alone.

#![no_std]
#![no_main]

mod calls;
mod flash;
mod imu;
mod io;
mod notes;

use embassy_executor::Spawner;
use embassy_nrf::gpio::{Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::interrupt::Priority;
use embassy_nrf::peripherals::{RNG, TWISPI0};
use embassy_nrf::pwm::{SimpleConfig, SimplePwm};
use embassy_nrf::rng::Rng;
use embassy_nrf::saadc::{ChannelConfig, Saadc, Time};
use embassy_nrf::twim::{Frequency, Twim};
use embassy_nrf::wdt::Watchdog;
use embassy_nrf::{bind_interrupts, config, mode, pac, rng, saadc, twim, wdt};
use nrf_mpsl::{MultiprotocolServiceLayer, SessionMem};
use nrf_sdc::{self as sdc, SoftdeviceController};
use static_cell::StaticCell;
use unslouch_strap_app::app::{self, Hardware, Resources};
use unslouch_strap_app::platform::WATCHDOG;

use crate::flash::{ByWords, ExternalFlash, Pins};
use crate::imu::BoardImu;
use crate::io::{Cellular, GreenLamp, PinButton, PwmMotor, Xiao};

bind_interrupts!(struct Irqs {
    RNG => rng::InterruptHandler<RNG>;
    SAADC => saadc::InterruptHandler;
    TWISPI0 => twim::InterruptHandler<TWISPI0>;
    EGU0_SWI0 => nrf_mpsl::LowPrioInterruptHandler;
    CLOCK_POWER => nrf_mpsl::ClockInterruptHandler;
    RADIO => nrf_mpsl::HighPrioInterruptHandler;
    TIMER0 => nrf_mpsl::HighPrioInterruptHandler;
    RTC0 => nrf_mpsl::HighPrioInterruptHandler;
});

/// Internal flash for settings and bonds: the eight pages below the bootloader (memory.x).
const SETTINGS: core::ops::Range<u32> = 0xEC000..0xF4000;
/// Packets of the controller's buffers, and their size.
const PACKETS: u8 = 3;
const PACKET_BYTES: u16 = 251;
/// What the controller needs for them (3,094 bytes), rounded up; it says at start when this is too little.
const CONTROLLER_MEMORY: usize = 3328;

static MPSL: StaticCell<MultiprotocolServiceLayer<'static>> = StaticCell::new();
static SESSIONS: StaticCell<SessionMem<1>> = StaticCell::new();
static CONTROLLER: StaticCell<sdc::Mem<CONTROLLER_MEMORY>> = StaticCell::new();
static RANDOM: StaticCell<Rng<'static, mode::Async>> = StaticCell::new();
static RESOURCES: StaticCell<Resources> = StaticCell::new();
static I2C_BUFFER: StaticCell<[u8; 16]> = StaticCell::new();

#[embassy_executor::task]
async fn service_layer(mpsl: &'static MultiprotocolServiceLayer<'static>) -> ! {
    mpsl.run().await
}

fn controller(
    peripherals: sdc::Peripherals<'static>,
    random: &'static mut Rng<'static, mode::Async>,
    mpsl: &'static MultiprotocolServiceLayer<'static>,
    memory: &'static mut sdc::Mem<CONTROLLER_MEMORY>,
) -> Result<SoftdeviceController<'static>, sdc::Error> {
    sdc::Builder::new()?
        .support_adv()
        .support_peripheral()
        .support_dle_peripheral()
        .support_le_2m_phy()
        .support_phy_update_peripheral()
        .peripheral_count(1)?
        .buffer_cfg(PACKET_BYTES, PACKET_BYTES, PACKETS, PACKETS)?
        .build(peripherals, random, mpsl, memory)
}

/// The address that Nordic wrote into the chip, as a static random one.
fn address() -> [u8; 6] {
    let [a, b, c, d] = pac::FICR.deviceaddr(0).read().to_le_bytes();
    let [e, f, ..] = pac::FICR.deviceaddr(1).read().to_le_bytes();
    [a, b, c, d, e, f | 0xC0]
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut clocks = config::Config::default();
    clocks.hfclk_source = config::HfclkSource::Internal; // the service layer starts the crystal when the radio needs it
    clocks.lfclk_source = config::LfclkSource::ExternalXtal;
    clocks.dcdc.reg1 = true;
    // the service layer has priorities 0 and 1 for itself
    clocks.gpiote_interrupt_priority = Priority::P2;
    clocks.time_interrupt_priority = Priority::P2;
    let p = embassy_nrf::init(clocks);
    let (reason, last_words) = notes::take();

    let mut dog = wdt::Config::default();
    dog.timeout_ticks = (WATCHDOG.as_millis() * 32_768 / 1000) as u32;
    dog.action_during_debug_halt = wdt::HaltConfig::Pause;
    let Ok((_, [watchdog])) = Watchdog::try_new(p.WDT, dog) else {
        panic!("the watchdog already runs with other settings");
    };

    let low_clock = nrf_mpsl::raw::mpsl_clock_lfclk_cfg_t {
        source: nrf_mpsl::raw::MPSL_CLOCK_LF_SRC_XTAL as u8,
        rc_ctiv: 0,
        rc_temp_ctiv: 0,
        accuracy_ppm: 50,
        skip_wait_lfclk_started: false,
    };
    let mpsl_peripherals =
        nrf_mpsl::Peripherals::new(p.RTC0, p.TIMER0, p.TEMP, p.PPI_CH19, p.PPI_CH30, p.PPI_CH31);
    let sessions = SESSIONS.init_with(SessionMem::new);
    let mpsl = match MultiprotocolServiceLayer::with_timeslots(
        mpsl_peripherals,
        Irqs,
        low_clock,
        sessions,
    ) {
        Ok(mpsl) => &*MPSL.init(mpsl),
        Err(error) => panic!("service layer: {error:?}"),
    };
    match service_layer(mpsl) {
        Ok(task) => spawner.spawn(task),
        Err(error) => panic!("service layer: {error:?}"),
    }
    let sdc_peripherals = sdc::Peripherals::new(
        p.PPI_CH17, p.PPI_CH18, p.PPI_CH20, p.PPI_CH21, p.PPI_CH22, p.PPI_CH23, p.PPI_CH24,
        p.PPI_CH25, p.PPI_CH26, p.PPI_CH27, p.PPI_CH28, p.PPI_CH29,
    );
    let controller = match controller(
        sdc_peripherals,
        RANDOM.init(Rng::new(p.RNG, Irqs)),
        mpsl,
        CONTROLLER.init_with(sdc::Mem::new),
    ) {
        Ok(controller) => controller,
        Err(error) => panic!("controller: {error:?}"),
    };

    let mut i2c = twim::Config::default();
    i2c.frequency = Frequency::K400;
    let i2c = Twim::new(
        p.TWISPI0,
        Irqs,
        p.P0_07,
        p.P0_27,
        i2c,
        I2C_BUFFER.init([0; 16]),
    );
    let imu = BoardImu::new(
        i2c,
        Input::new(p.P0_11, Pull::None),
        // it feeds the sensor: a milliampere
        Output::new(p.P1_08, Level::Low, OutputDrive::HighDrive),
    );

    let mut cell = ChannelConfig::single_ended(p.P0_31);
    cell.time = Time::_40US; // the divider is a third of a megohm
    let adc = Saadc::new(p.SAADC, Irqs, saadc::Config::default(), [cell]);
    // the divider's foot stays at ground: open, the full voltage of the cell would reach the converter's pin
    Output::new(p.P0_14, Level::Low, OutputDrive::Standard).persist();
    // 100 mA: right for cells from 100 mAh on
    Output::new(p.P0_13, Level::Low, OutputDrive::Standard).persist();

    let log = ExternalFlash::new(
        p.QSPI,
        Pins {
            sck: p.P0_21,
            csn: p.P0_25,
            io0: p.P0_20,
            io1: p.P0_24,
            io2: p.P0_22,
            io3: p.P0_23,
        },
    );
    let hardware = Hardware {
        controller,
        address: address(),
        imu,
        settings: ByWords::new(nrf_mpsl::Flash::take(mpsl, p.NVMC)),
        settings_range: SETTINGS,
        log: ByWords::new(log),
        log_range: 0..flash::CAPACITY,
        motor: PwmMotor(SimplePwm::new_1ch(
            p.PWM0,
            p.P0_03,
            &SimpleConfig::default(),
        )),
        button: PinButton {
            pin: Input::new(p.P0_02, Pull::Up),
            pressed: false,
        },
        power: Cellular {
            adc,
            charge: Input::new(p.P0_17, Pull::Up),
        },
        lamp: GreenLamp(Output::new(p.P0_30, Level::High, OutputDrive::Standard)),
        board: Xiao {
            reason,
            last_words,
            watchdog,
        },
        number: 2,
        name: "XIAO nRF52840 Sense",
    };
    app::run(hardware, RESOURCES.init_with(Resources::new)).await;
    panic!("the controller ended");
}
