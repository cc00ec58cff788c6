//! Meets a controller that knows nothing of the strap's resets.
//!
//! It still sends what was meant for the strap before, late at will, and its wire may have lost a byte or two in the reset,
//! either way. Taken for answers to this start's commands, or read from the middle of a packet, that ends the host.

use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::Read;

use crate::machine;
use crate::uart::Uart;

/// HCI_Reset, in H4.
const RESET: [u8; 4] = [1, 0x03, 0x0C, 0];
/// Connection handles that there are (Core Specification, Vol 4, Part E, 5.4.2).
const HANDLES: u32 = 0x0F00;
/// HCI_Command_Complete of HCI_Read_RSSI, in H4.
const ANSWER: usize = 10;
/// As many bytes as a packet that was cut off may lack; none of them begins one.
const FILLING: [u8; 260] = [0; 260];
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// Reset the controller, and take what it says until it answers a question that was never asked before: all else it had
/// to say came before that, and the next byte begins a packet.
pub async fn meet(uart: &Uart) {
    let mut patience = PATIENCE;
    loop {
        // Read RSSI tells the handle it was asked about, be there such a connection or not (Vol 4, Part E, 7.5.4)
        let handle = (machine::next_number() % HANDLES) as u16;
        let [low, high] = handle.to_le_bytes();
        uart.write_blocking(&RESET);
        uart.write_blocking(&[1, 0x05, 0x14, 2, low, high]);
        if with_timeout(patience, answer(uart, handle)).await.is_ok() {
            return;
        }
        // it waits for the rest of a command that a reset cut off, and has taken these for it
        uart.write_blocking(&FILLING);
        Timer::after(PATIENCE / 10).await;
        patience = (patience * 2).min(LONGEST);
    }
}

/// Take what comes up to the answer about `handle`.
async fn answer(mut uart: &Uart, handle: u16) {
    let mut heard = [0; ANSWER];
    loop {
        let mut byte = [0];
        let Ok(_) = uart.read(&mut byte).await;
        heard.rotate_left(1);
        let [.., newest] = &mut heard;
        [*newest] = byte;
        if let [4, 0x0E, 7, _, 0x05, 0x14, _status, low, high, _rssi] = heard
            && u16::from_le_bytes([low, high]) == handle
        {
            return;
        }
    }
}
