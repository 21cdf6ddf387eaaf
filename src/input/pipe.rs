//! A pipe that is read as it comes: each read hands on the lines that are whole with it.

use std::io::{self, Read};
use std::sync::Arc;

use super::blocks::Block;
use super::cutter::LineCutter;
use super::{Interrupt, Source, decode};

/// Bytes that are read at once.
const READ: usize = 64 << 10;

/// A pipe, FIFO or device.
pub struct Pipe {
    reader: Box<dyn Read + Send>,
    cutter: LineCutter,
    buffer: Vec<u8>,
}

impl Pipe {
    /// Opens a source. What comes may be compressed.
    ///
    /// # Errors
    /// It cannot be opened, in words.
    pub fn open(source: &Source, interrupt: &Arc<Interrupt>) -> Result<Pipe, String> {
        let raw = super::open(source, interrupt, &Arc::default()).map_err(|e| super::words(&e))?;
        let (reader, _) = decode::decode(raw).map_err(|e| super::words(&e))?;
        Ok(Pipe {
            reader,
            cutter: LineCutter::default(),
            buffer: vec![0; READ],
        })
    }

    /// Waits for bytes and puts the lines that are whole into `block`, which is emptied first. `false`
    /// at the end or after an interrupt; the block then holds what was left.
    ///
    /// # Errors
    /// The pipe cannot be read on, in words.
    pub fn read(&mut self, block: &mut Block) -> Result<bool, String> {
        block.clear();
        let read = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(|e| super::words(&e))?,
            }
        };
        self.cutter.push(&self.buffer[..read], block);
        if read == 0 {
            self.cutter.finish(block);
        }
        Ok(read > 0)
    }
}
