//! The flash log: a ring of sectors that keeps every record until it was confirmed, and survives a power cut anywhere.
//!
//! A record's id is its place in the strap's life. Each sector begins with a header that names its turn in the ring and
//! its first id; sixteen slots follow, each with checksum, id and length of its own, so that a record is found by its id
//! in one or two reads and a torn write is told from a record. Sectors are used in turn, which levels the wear.
//!
//! Each sector knows its turn, so its place in the ring tells which turn it must hold. A header that does not fit the newest
//! one's, whatever left it there, is struck out when the log opens: what is appended then is found again, now and at
//! every later start.
//!
//! sequential-storage's queue was tried on paper and left: it finds an item by walking from the oldest, which makes the
//! transfer of a full log quadratic, and its release writes once per item; here a release writes once per sector, and
//! what a lost release costs is that a few records are sent twice.
//!
//! ```text
//! sector  0  u32 magic    4 u32 turn    8 u32 first id    12 u32 crc-32 of 0..12    16 u32 released (0) or not (-1)
//!        64  slots of 252 bytes: u32 crc-32 of the rest, u32 id, u8 length, record, padding
//! ```

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;

use crate::wire::bytes::{Reader, Writer};
use crate::wire::crc::crc32;

/// Bytes of a sector, the erase unit of the strap's flash.
pub const SECTOR: u32 = 4096;
/// Most sectors of a log.
pub const SECTORS_MAX: usize = 512;
/// Longest record.
pub const RECORD_MAX: usize = 243;
/// Slots of a sector.
pub const SLOTS: u32 = 16;

const MAGIC: u32 = 0x3147_4C55;
/// Last turn of a sector and last id: beyond any wear (100,000 erases of 512 sectors of 16 records are 8e8). A log that
/// comes there all the same begins anew.
const TURN_MAX: u32 = 1 << 31;
const ID_MAX: u32 = 1 << 31;
const HEADER: u32 = 64;
const SLOT: usize = 252;
const SLOT_HEADER: usize = 9;

/// Why the log could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogError {
    /// The flash does not read, write or erase.
    Flash,
    /// The range is not whole sectors, too few or too many.
    Range,
    /// The record is empty or too long.
    Record,
}

/// What one sector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sector {
    /// Its turn in the ring; 0 for a sector that holds nothing.
    turn: u32,
    /// Its first id.
    first: u32,
}

const BLANK: Sector = Sector { turn: 0, first: 0 };

/// What reading a slot finds.
enum Found {
    /// Nothing was ever written.
    Blank,
    /// Something was begun and not finished.
    Torn,
    /// A record with this id and length; its bytes begin after the slot's header.
    Record(u32, usize),
}

/// The log on a range of a flash.
pub struct Log<F> {
    flash: F,
    start: u32,
    sectors: [Sector; SECTORS_MAX],
    count: usize,
    /// Sector that is written.
    current: usize,
    /// Next free slot of it.
    slot: u32,
    next: u32,
    oldest: u32,
    unconfirmed: u32,
    /// Unconfirmed records that had to be overwritten since the last question.
    overwritten: u32,
}

impl<F: NorFlash> Log<F> {
    /// Open what is in the range, or begin anew where nothing is.
    ///
    /// Reads one header per sector and the slots of one sector: well below a second on a full log.
    pub async fn open(flash: F, range: Range<u32>) -> Result<Self, LogError> {
        let length = range.end.saturating_sub(range.start);
        let count = (length / SECTOR) as usize;
        if !(3..=SECTORS_MAX).contains(&count)
            || !length.is_multiple_of(SECTOR)
            || !range.start.is_multiple_of(SECTOR)
        {
            return Err(LogError::Range);
        }
        let mut log = Self {
            flash,
            start: range.start,
            sectors: [BLANK; SECTORS_MAX],
            count,
            current: count - 1,
            slot: SLOTS,
            next: 1,
            oldest: 1,
            unconfirmed: 1,
            overwritten: 0,
        };
        log.recover().await?;
        Ok(log)
    }

    /// Id of the next record.
    pub fn next_id(&self) -> u32 {
        self.next
    }

    /// Oldest id held; equal to the next where none is.
    pub fn oldest_id(&self) -> u32 {
        self.oldest
    }

    /// Oldest id not confirmed.
    pub fn unconfirmed_id(&self) -> u32 {
        self.unconfirmed
    }

    /// How many unconfirmed records had to go since this was last asked.
    pub fn take_overwritten(&mut self) -> u32 {
        core::mem::take(&mut self.overwritten)
    }

    fn address(&self, sector: usize, offset: u32) -> u32 {
        self.start + sector as u32 * SECTOR + offset
    }

    async fn recover(&mut self) -> Result<(), LogError> {
        let mut newest: Option<usize> = None;
        for sector in 0..self.count {
            let Some((found, _)) = self.read_header(sector).await? else {
                continue;
            };
            if newest.is_none_or(|newest| self.sector(newest).turn < found.turn) {
                newest = Some(sector);
            }
            self.set(sector, found);
        }
        let Some(newest) = newest else { return Ok(()) };
        let Sector { turn, first } = self.sector(newest);
        self.current = newest;
        self.slot = 0;
        self.next = first;
        for slot in 0..SLOTS {
            let mut bytes = [0; SLOT];
            match self.read_slot(newest, slot, &mut bytes).await? {
                Found::Blank => continue,
                // torn slots only push a record further back: an id that was not due yet is no record of ours
                Found::Record(id, _) if (self.next..=first + slot).contains(&id) => {
                    self.next = id + 1;
                }
                _ => {}
            }
            self.slot = slot + 1;
        }
        // backward around the ring, each with the turn of its place and no more ids than it has slots
        (self.oldest, self.unconfirmed) = (first, first);
        let (mut room, mut released) = (0, self.is_released(newest).await?);
        if released {
            // nothing more goes where it would be taken for confirmed
            (self.unconfirmed, self.slot) = (self.next, SLOTS);
        }
        for back in 1..self.count {
            let sector = (newest + self.count - back) % self.count;
            let found = self.sector(sector);
            room += SLOTS;
            if found.turn == 0 {
                continue;
            }
            let held = self.oldest.wrapping_sub(found.first);
            if found.turn.checked_add(back as u32) != Some(turn) || held > room {
                self.strike(sector).await?;
                continue;
            }
            (self.oldest, room) = (found.first, 0);
            released = released || self.is_released(sector).await?;
            if !released {
                self.unconfirmed = found.first;
            }
        }
        self.oldest = self.oldest.max(self.unconfirmed);
        Ok(())
    }

    /// What the header of a sector says and whether it was released; None where it is none of ours.
    async fn read_header(&mut self, sector: usize) -> Result<Option<(Sector, bool)>, LogError> {
        let mut bytes = [0; 20];
        self.flash
            .read(self.address(sector, 0), &mut bytes)
            .await
            .map_err(|_| LogError::Flash)?;
        Ok(parse_header(&bytes))
    }

    async fn is_released(&mut self, sector: usize) -> Result<bool, LogError> {
        let header = self.read_header(sector).await?;
        Ok(header.is_some_and(|(_, released)| released))
    }

    /// Make a sector hold nothing, without the time an erase takes.
    async fn strike(&mut self, sector: usize) -> Result<(), LogError> {
        self.set(sector, BLANK);
        self.flash
            .write(self.address(sector, 0), &[0; 4])
            .await
            .map_err(|_| LogError::Flash)
    }

    /// Begin again with the first turn and the first id.
    async fn begin_anew(&mut self) -> Result<(), LogError> {
        let lost = self.next - self.unconfirmed;
        self.overwritten = self.overwritten.saturating_add(lost);
        // the newest last: until then the others fit it, should the power go
        for on in 1..=self.count {
            let sector = (self.current + on) % self.count;
            if self.sector(sector).turn > 0 {
                self.strike(sector).await?;
            }
        }
        (self.next, self.oldest, self.unconfirmed) = (1, 1, 1);
        self.slot = SLOTS;
        Ok(())
    }

    fn sector(&self, index: usize) -> Sector {
        self.sectors.get(index).copied().unwrap_or(BLANK)
    }

    fn set(&mut self, index: usize, sector: Sector) {
        if let Some(place) = self.sectors.get_mut(index) {
            *place = sector;
        }
    }

    async fn read_slot(
        &mut self,
        sector: usize,
        slot: u32,
        bytes: &mut [u8; SLOT],
    ) -> Result<Found, LogError> {
        let address = self.address(sector, HEADER + slot * SLOT as u32);
        self.flash
            .read(address, bytes)
            .await
            .map_err(|_| LogError::Flash)?;
        if bytes.iter().all(|byte| *byte == 0xFF) {
            return Ok(Found::Blank);
        }
        Ok(parse_slot(bytes).map_or(Found::Torn, |(id, length)| Found::Record(id, length)))
    }

    /// Append a record; `encode` writes it for its id and returns its length. Returns the id.
    pub async fn append(
        &mut self,
        encode: impl FnOnce(u32, &mut [u8; RECORD_MAX]) -> usize,
    ) -> Result<u32, LogError> {
        if self.next > ID_MAX || (self.slot == SLOTS && self.sector(self.current).turn >= TURN_MAX)
        {
            self.begin_anew().await?;
        }
        let id = self.next;
        let mut record = [0xFF; RECORD_MAX];
        let length = encode(id, &mut record);
        if length == 0 || length > RECORD_MAX {
            return Err(LogError::Record);
        }
        if self.slot == SLOTS {
            self.next_sector().await?;
        }
        let mut bytes = [0xFF; SLOT];
        if let Some((crc, body)) = bytes.split_first_chunk_mut::<4>() {
            let mut out = Writer::new(body);
            out.u32(id)
                .u8(length as u8)
                .put(record.get(..length).unwrap_or(&[]));
            let used = SLOT_HEADER - 4 + length;
            *crc = crc32(body.get(..used).unwrap_or(&[])).to_le_bytes();
        }
        let address = self.address(self.current, HEADER + self.slot * SLOT as u32);
        // a slot that was begun is never written again, whatever came of it
        self.slot += 1;
        let whole = (SLOT_HEADER + length)
            .next_multiple_of(F::WRITE_SIZE.max(4))
            .min(SLOT);
        let written = bytes.get(..whole).unwrap_or(&bytes);
        self.flash
            .write(address, written)
            .await
            .map_err(|_| LogError::Flash)?;
        self.next = id + 1;
        Ok(id)
    }

    async fn next_sector(&mut self) -> Result<(), LogError> {
        let sector = (self.current + 1) % self.count;
        let old = self.sector(sector);
        let turn = self.sector(self.current).turn.max(1) + 1;
        if old.turn > 0 {
            let after = self.first_after(old.turn);
            let lost = after.saturating_sub(self.unconfirmed.max(old.first));
            self.overwritten = self.overwritten.saturating_add(lost);
            self.oldest = self.oldest.max(after);
            self.unconfirmed = self.unconfirmed.max(after);
        }
        self.set(sector, BLANK);
        let address = self.address(sector, 0);
        self.flash
            .erase(address, address + SECTOR)
            .await
            .map_err(|_| LogError::Flash)?;
        let mut bytes = [0xFF; 16];
        if let Some((body, crc)) = bytes.split_last_chunk_mut::<4>() {
            let mut out = Writer::new(body);
            out.u32(MAGIC).u32(turn).u32(self.next);
            *crc = crc32(body).to_le_bytes();
        }
        self.flash
            .write(address, &bytes)
            .await
            .map_err(|_| LogError::Flash)?;
        let first = self.next;
        self.set(sector, Sector { turn, first });
        (self.current, self.slot) = (sector, 0);
        Ok(())
    }

    /// First id of the sector that was begun after the one of `turn`; the next id where there is none.
    fn first_after(&self, turn: u32) -> u32 {
        (0..self.count)
            .map(|sector| self.sector(sector))
            .filter(|sector| sector.turn > turn)
            .min_by_key(|sector| sector.turn)
            .map_or(self.next, |sector| sector.first)
    }

    /// Read record `id` into `buffer`; its length, or None where it is not held (released, overwritten, torn, not yet).
    pub async fn read(
        &mut self,
        id: u32,
        buffer: &mut [u8; RECORD_MAX],
    ) -> Result<Option<usize>, LogError> {
        if id < self.oldest || id >= self.next {
            return Ok(None);
        }
        let holder = (0..self.count)
            .filter(|sector| self.sector(*sector).turn > 0 && self.sector(*sector).first <= id)
            .max_by_key(|sector| self.sector(*sector).turn);
        let Some(sector) = holder else {
            return Ok(None);
        };
        let expected = id - self.sector(sector).first;
        // torn slots only push a record further back
        for slot in expected..SLOTS {
            let mut bytes = [0; SLOT];
            match self.read_slot(sector, slot, &mut bytes).await? {
                Found::Record(found, length) if found == id => {
                    let record = bytes.get(SLOT_HEADER..SLOT_HEADER + length).unwrap_or(&[]);
                    if let Some(room) = buffer.get_mut(..length) {
                        room.copy_from_slice(record);
                    }
                    return Ok(Some(length));
                }
                // a cell that lost a bit while blank made the log go on behind it
                _ => {}
            }
        }
        Ok(None)
    }

    /// Everything up to and including `id` may be forgotten. False where `id` was never given.
    pub async fn confirm(&mut self, id: u32) -> Result<bool, LogError> {
        if id >= self.next {
            return Ok(false);
        }
        self.unconfirmed = self.unconfirmed.max(id + 1);
        self.oldest = self.oldest.max(self.unconfirmed);
        // one word on the newest sector that is wholly confirmed tells for all before it
        let done = (0..self.count)
            .filter(|s| self.sector(*s).turn > 0 && *s != self.current)
            .filter(|s| self.first_after(self.sector(*s).turn) <= self.unconfirmed)
            .max_by_key(|s| self.sector(*s).turn);
        if let Some(sector) = done {
            let address = self.address(sector, 16);
            let mut word = [0; 4];
            self.flash
                .read(address, &mut word)
                .await
                .map_err(|_| LogError::Flash)?;
            if word != [0; 4] {
                self.flash
                    .write(address, &[0; 4])
                    .await
                    .map_err(|_| LogError::Flash)?;
            }
        }
        Ok(true)
    }

    /// Give the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }
}

fn parse_header(bytes: &[u8; 20]) -> Option<(Sector, bool)> {
    let (body, rest) = bytes.split_first_chunk::<12>()?;
    let mut tail = Reader::new(rest);
    if tail.u32()? != crc32(body) {
        return None;
    }
    let released = tail.u32()? == 0;
    let mut fields = Reader::new(body);
    if fields.u32()? != MAGIC {
        return None;
    }
    let (turn, first) = (fields.u32()?, fields.u32()?);
    // a header beyond all wear is not ours, and would hide all later ones
    ((1..=TURN_MAX).contains(&turn) && first <= ID_MAX)
        .then_some((Sector { turn, first }, released))
}

fn parse_slot(bytes: &[u8; SLOT]) -> Option<(u32, usize)> {
    let (crc, body) = bytes.split_first_chunk::<4>()?;
    let mut fields = Reader::new(body);
    let (id, length) = (fields.u32()?, usize::from(fields.u8()?));
    let used = body
        .get(..SLOT_HEADER - 4 + length)
        .filter(|_| length > 0 && length <= RECORD_MAX)?;
    (crc32(used) == u32::from_le_bytes(*crc)).then_some((id, length))
}
