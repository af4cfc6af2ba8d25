//! The stand-in for a database: an index in memory and values in one append-only file that is really read and written.
//!
//! Records, record size and file size are bounded. Left out: queries, transactions, durability (a restarted store starts with the content of
//! its image).

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::TcpListener;

use super::context::App;
use super::counters::Held;
use super::record_server;
use super::records::{Command, Operation, Reply};
use crate::shop::{ShopError, goods, locked};

/// Maximum number of records; the oldest is evicted first.
const MAX_RECORDS: usize = 4096;
/// Size at which the file is rewritten with the live records only.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// Serves the store forever.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>, data_dir: &Path) -> Result<(), ShopError> {
    let name = app.component.name;
    let path = data_dir.join(format!("{name}.data"));
    let store = Store::create(&path, goods::preloaded(name)).map_err(|source| ShopError::Data {
        name: name.to_owned(),
        path,
        source,
    })?;
    let store = Arc::new(Mutex::new(store));
    let sessions = Arc::clone(&app);
    record_server::serve(listener, &sessions, move |_, command| answer(Arc::clone(&app), Arc::clone(&store), command))
        .await;
    Ok(())
}

async fn answer(app: Arc<App>, store: Arc<Mutex<Store>>, command: Command) -> Reply {
    let (began, operation) = (Instant::now(), command.operation);
    let _running = Held::new(&app.counters.running);
    app.wait_for_lock().await;
    app.work().await;
    app.before_file_operation().await;
    app.remember(&command.value);
    let reply = locked(&store).execute(command).unwrap_or(Reply::Failed);
    app.counters.finished(operation, began.elapsed());
    reply
}

struct Store {
    path: PathBuf,
    file: File,
    file_bytes: u64,
    /// The position of each value in the file.
    index: BTreeMap<String, ValueLocation>,
    /// Keys in the order of their first write.
    order: VecDeque<String>,
}

#[derive(Clone, Copy)]
struct ValueLocation {
    offset: u64,
    bytes: usize,
}

impl Store {
    fn create(path: &Path, preloaded: Vec<(String, String)>) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = empty_file(path)?;
        let mut store =
            Self { path: path.to_owned(), file, file_bytes: 0, index: BTreeMap::new(), order: VecDeque::new() };
        for (key, value) in preloaded {
            store.put(key, value.as_bytes())?;
        }
        Ok(store)
    }

    fn execute(&mut self, command: Command) -> io::Result<Reply> {
        match command.operation {
            Operation::Get => Ok(self.get(&command.key)?.map_or(Reply::Missing, Reply::Found)),
            Operation::Put => self.put(command.key, &command.value).map(|()| Reply::Found(Bytes::new())),
            Operation::Delete => Ok(self.delete(&command.key)),
            Operation::Publish | Operation::Consume => Ok(Reply::Failed),
        }
    }

    fn get(&self, key: &str) -> io::Result<Option<Bytes>> {
        self.index.get(key).map(|location| self.read(*location)).transpose()
    }

    fn read(&self, location: ValueLocation) -> io::Result<Bytes> {
        let mut value = vec![0; location.bytes];
        self.file.read_exact_at(&mut value, location.offset)?;
        Ok(value.into())
    }

    fn put(&mut self, key: String, value: &[u8]) -> io::Result<()> {
        if self.file_bytes + value.len() as u64 > MAX_FILE_BYTES {
            self.compact()?;
        }
        let location = self.append(value)?;
        if self.index.insert(key.clone(), location).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MAX_RECORDS {
            if let Some(oldest) = self.order.pop_front() {
                self.index.remove(&oldest);
            }
        }
        Ok(())
    }

    fn append(&mut self, value: &[u8]) -> io::Result<ValueLocation> {
        let location = ValueLocation { offset: self.file_bytes, bytes: value.len() };
        self.file.write_all_at(value, location.offset)?;
        self.file_bytes += value.len() as u64;
        Ok(location)
    }

    fn delete(&mut self, key: &str) -> Reply {
        if self.index.remove(key).is_none() {
            return Reply::Missing;
        }
        self.order.retain(|k| k != key);
        Reply::Found(Bytes::new())
    }

    /// Starts a new file with the live records.
    fn compact(&mut self) -> io::Result<()> {
        let live: Vec<(String, Bytes)> = self
            .index
            .iter()
            .map(|(key, location)| Ok((key.clone(), self.read(*location)?)))
            .collect::<io::Result<_>>()?;
        self.file = empty_file(&self.path)?;
        self.file_bytes = 0;
        for (key, value) in live {
            let location = self.append(&value)?;
            self.index.insert(key, location);
        }
        Ok(())
    }
}

fn empty_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store in a temporary directory.
    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(&dir.path().join("test.data"), goods::preloaded("catalogue-db")).unwrap();
        (dir, store)
    }

    #[test]
    fn records_are_written_read_replaced_and_deleted() {
        let (_dir, mut store) = store();
        assert!(store.get("sock:holy").unwrap().is_some(), "preloaded");
        store.put("cart:1".to_owned(), b"[]").unwrap();
        store.put("cart:1".to_owned(), b"[1]").unwrap();
        assert_eq!(store.get("cart:1").unwrap().unwrap(), "[1]");
        assert_eq!(store.delete("cart:1"), Reply::Found(Bytes::new()));
        assert_eq!((store.delete("cart:1"), store.get("cart:1").unwrap()), (Reply::Missing, None));
    }

    #[test]
    fn the_oldest_record_is_evicted_first() {
        let (_dir, mut store) = store();
        for n in 0..MAX_RECORDS {
            store.put(format!("order:{n}"), b"x").unwrap();
        }
        assert_eq!(store.get("sock:holy").unwrap(), None);
        assert_eq!(store.index.len(), MAX_RECORDS);
    }

    #[test]
    fn a_full_file_is_rewritten_with_the_live_records() {
        let (_dir, mut store) = store();
        let value = vec![7; 60_000];
        for _ in 0..=MAX_FILE_BYTES / 60_000 {
            store.put("cart:1".to_owned(), &value).unwrap();
        }
        assert!(store.file_bytes < 200_000, "{}", store.file_bytes);
        assert_eq!(store.get("cart:1").unwrap().unwrap(), value);
        assert!(store.get("sock:cat").unwrap().is_some());
    }
}
