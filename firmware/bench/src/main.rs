//! Instructions per sample of the fusion on an emulated Cortex-M4F.
//!
//! ```text
//! cargo build --release -p unslouch-strap-bench --target thumbv7em-none-eabihf
//! qemu-system-arm -M mps2-an386 -display none -monitor none -serial none -semihosting -icount shift=8 \
//!     -kernel target/thumbv7em-none-eabihf/release/unslouch-strap-bench
//! ```
//!
//! With `-icount shift=8` an instruction takes 256 ns of the machine's time, which SysTick counts at 25 MHz: 6.4 ticks each.
//! The boards' images are made for size, but the crate `fast`, in which they make the update, as this is.
//! The timer's reading costs instructions too; they are measured and taken off.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::hint::black_box;

    use cortex_m::peripheral::SYST;
    use cortex_m::peripheral::syst::SystClkSource;
    use cortex_m_rt::entry;
    use cortex_m_semihosting::{debug, hprintln};
    use unslouch_strap_core::fusion::{Filter, Parameters};
    use unslouch_strap_core::vector::Vec3;

    const TICKS_PER_INSTRUCTION: f32 = 6.4;
    const RATE_HZ: f32 = 52.0;

    /// A worn sensor as it moves or lies: two tones and noise.
    struct Motion {
        k: u32,
        noise: u32,
        amplitude: f32,
    }

    impl Motion {
        fn noise(&mut self) -> f32 {
            self.noise = self
                .noise
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            (self.noise >> 8) as f32 / 8_388_608.0 - 1.0
        }

        fn next(&mut self) -> (Vec3<f32>, Vec3<f32>) {
            self.k += 1;
            let wave = |period: u32| {
                let x = (self.k % period) as f32 / period as f32;
                // two parabolas: a sine without its library
                if x < 0.5 {
                    16.0 * x * (0.5 - x)
                } else {
                    -16.0 * (x - 0.5) * (1.0 - x)
                }
            };
            let (a, b) = (wave(97) * self.amplitude, wave(61) * self.amplitude);
            let mut n = || self.noise() * 0.002;
            let acc = Vec3::new(8.9 + a + n(), b + n(), 4.1 - a + n());
            let gyr = Vec3::new(0.5 * a + n(), b + n(), a - b + n());
            (acc, gyr)
        }
    }

    /// Mean and peak instructions of `n` runs.
    fn count(n: u32, mut run: impl FnMut()) -> (f32, f32) {
        let (mut sum, mut peak) = (0.0, 0u32);
        for _ in 0..n {
            let before = SYST::get_current();
            run();
            let ticks = before.wrapping_sub(SYST::get_current()) & 0x00FF_FFFF;
            sum += ticks as f32;
            peak = peak.max(ticks);
        }
        (
            sum / n as f32 / TICKS_PER_INSTRUCTION,
            peak as f32 / TICKS_PER_INSTRUCTION,
        )
    }

    #[inline(never)]
    fn update(filter: &mut Filter<f32>, acc: Vec3<f32>, gyr: Vec3<f32>) {
        filter.push(acc, gyr, 1.0 / RATE_HZ);
    }

    fn fuse(name: &str, amplitude: f32, parameters: &Parameters) {
        let mut motion = Motion {
            k: 0,
            noise: 1,
            amplitude,
        };
        let (acc, gyr) = motion.next();
        let mut filter = Filter::<f32>::new(parameters, RATE_HZ, acc, gyr);
        let (mut sum, mut peak, n) = (0.0, 0.0f32, 3000);
        let (empty, _) = count(100, || ());
        for k in 0..n + 520 {
            let (acc, gyr) = motion.next();
            let (acc, gyr) = black_box((acc, gyr));
            let (one, _) = count(1, || update(&mut filter, acc, gyr));
            if k >= 520 {
                sum += one - empty;
                peak = peak.max(one - empty);
            }
        }
        black_box(filter.attitude());
        hprintln!(
            "fusion {} mean {:.1} peak {:.0}",
            name,
            sum / n as f32,
            peak
        );
    }

    #[entry]
    fn main() -> ! {
        if let Some(mut core) = cortex_m::Peripherals::take() {
            core.SYST.set_clock_source(SystClkSource::Core);
            core.SYST.set_reload(0x00FF_FFFF);
            core.SYST.clear_current();
            core.SYST.enable_counter();
            hprintln!("state {} bytes", core::mem::size_of::<Filter<f32>>());
            let parameters = Parameters::default();
            fuse("moving", 1.0, &parameters);
            fuse("worn", 0.02, &parameters);
            fuse("still", 0.0, &parameters);
            fuse(
                "without filter steps",
                1.0,
                &Parameters {
                    step: 1e6,
                    ..parameters
                },
            );
        }
        debug::exit(debug::EXIT_SUCCESS);
        loop {
            cortex_m::asm::wfi();
        }
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo) -> ! {
        hprintln!("{}", info);
        debug::exit(debug::EXIT_FAILURE);
        loop {}
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!(
        "an image for an emulated Cortex-M4F: build with --target thumbv7em-none-eabihf, run under qemu-system-arm"
    );
}
