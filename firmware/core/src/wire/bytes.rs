//! Little-endian fields, with every bound checked.

/// Writes fields into a buffer; what does not fit is noted, never written outside.
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    at: usize,
    full: bool,
}

impl<'a> Writer<'a> {
    /// Write from the beginning of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            at: 0,
            full: false,
        }
    }

    /// Append bytes.
    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        match self
            .at
            .checked_add(bytes.len())
            .and_then(|end| self.buffer.get_mut(self.at..end))
        {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.full = true,
        }
        self
    }

    /// Append one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.put(&[value])
    }

    /// Append a u16.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    /// Append an i16.
    pub fn i16(&mut self, value: i16) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    /// Append three i16.
    pub fn i16x3(&mut self, values: [i16; 3]) -> &mut Self {
        for value in values {
            self.i16(value);
        }
        self
    }

    /// Append a u32.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    /// Append the low 24 bits.
    pub fn u24(&mut self, value: u32) -> &mut Self {
        let [a, b, c, _] = value.to_le_bytes();
        self.put(&[a, b, c])
    }

    /// Append the low 48 bits.
    pub fn u48(&mut self, value: u64) -> &mut Self {
        let [a, b, c, d, e, f, _, _] = value.to_le_bytes();
        self.put(&[a, b, c, d, e, f])
    }

    /// Append a u64.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    /// Append floats.
    pub fn f32s(&mut self, values: &[f32]) -> &mut Self {
        for value in values {
            self.put(&value.to_le_bytes());
        }
        self
    }

    /// What was written; None when it did not fit.
    pub fn finish(self) -> Option<&'a [u8]> {
        if self.full {
            None
        } else {
            self.buffer.get(..self.at)
        }
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }
}

/// Reads fields; None at the end of the bytes.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Read from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = tail;
        Some(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[a]| a)
    }

    /// A u16.
    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    /// An i16.
    pub fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_le_bytes)
    }

    /// Three i16.
    pub fn i16x3(&mut self) -> Option<[i16; 3]> {
        Some([self.i16()?, self.i16()?, self.i16()?])
    }

    /// A u32.
    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// An i32.
    pub fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_le_bytes)
    }

    /// A 24-bit unsigned.
    pub fn u24(&mut self) -> Option<u32> {
        self.take::<3>()
            .map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// A 48-bit unsigned.
    pub fn u48(&mut self) -> Option<u64> {
        self.take::<6>()
            .map(|[a, b, c, d, e, f]| u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// A u64.
    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// A float.
    pub fn f32(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    /// `N` floats.
    pub fn f32s<const N: usize>(&mut self) -> Option<[f32; N]> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.f32()?;
        }
        Some(values)
    }
}
