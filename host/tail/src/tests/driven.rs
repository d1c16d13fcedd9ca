//! A source whose reader has no thread: it looks and reads when a test says so.

use std::time::Instant;

use tokio::sync::mpsc;

use super::*;
use crate::patterns::Patterns;
use crate::progress::Unacked;
use crate::reader::Reader;
use crate::wake::Wake;

/// Batches that the outlet holds.
const BATCHES: usize = 4;

pub(crate) struct Driven {
    pub(crate) reader: Reader,
    batches: mpsc::Receiver<LogBatch>,
    unacked: Arc<Unacked>,
    /// What came, by its stream's file and text.
    pub(crate) lines: Vec<(String, String)>,
}

impl Driven {
    /// Starts a source; a file that is renamed or deleted counts as quiet at once.
    pub(crate) fn start(place: &Place, mut settings: FileLogsSettings) -> Self {
        settings.rotate_grace = Duration::ZERO;
        let patterns = Patterns::compile(&settings).unwrap();
        let (out, batches) = mpsc::channel(BATCHES);
        let unacked = Arc::new(Unacked::default());
        let metrics = place.tail_metrics.of(&settings.name);
        let path = crate::checkpoint::path_of(&place.checkpoints(), &settings.name);
        std::fs::create_dir_all(place.checkpoints()).unwrap();
        let mut reader = Reader::new(settings, patterns, metrics, Arc::<Wake>::default(), unacked.clone(), out, path);
        reader.begin();
        Self { reader, batches, unacked, lines: Vec::new() }
    }

    /// What a poll interval brings.
    pub(crate) fn look(&mut self) {
        self.reader.poll(Instant::now());
    }

    /// A round of reading, and the outlet takes all of it.
    pub(crate) fn read_some(&mut self) -> bool {
        let busy = self.reader.round();
        let mut came = false;
        while let Ok(mut batch) = self.batches.try_recv() {
            self.unacked.taken(batch.text.len() as u64);
            for i in 0..batch.len() {
                let file = batch.streams[batch.stream_of(i)].as_labels().get("filename").unwrap();
                self.lines.push((file.rsplit('/').next().unwrap().to_owned(), batch.line(i).to_owned()));
            }
            batch.ack.take().unwrap().done();
            came = true;
        }
        busy || came
    }

    /// Reads all that was seen.
    pub(crate) fn read(&mut self) {
        while self.read_some() {}
    }

    /// Looks and reads until every look was taken that a change asks for.
    pub(crate) fn settle(&mut self) {
        for _ in 0..25 {
            self.look();
            self.read();
        }
    }

    /// The texts that came, all of them under the name of `app.log`.
    pub(crate) fn texts(&self) -> Vec<String> {
        assert!(self.lines.iter().all(|(file, _)| file == "app.log"), "{:?}", self.lines);
        self.lines.iter().map(|(_, text)| text.clone()).collect()
    }

    /// Ends as a stop does, with all acknowledged.
    pub(crate) fn stop(mut self) {
        self.reader.store_checkpoint();
    }
}
