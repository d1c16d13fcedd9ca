//! `fs.read`: granted folders, to be read only.
//!
//! cap-std opens every path beneath the folder's own descriptor: neither `..` nor a link, wherever it points and whenever it is put
//! there, leads out. Whatever would change something answers `read-only`. Only folders and regular files are opened: a pipe
//! could hold a call for ever.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use cap_std::fs::{Dir, FileType, Metadata, MetadataExt, OpenOptions, OpenOptionsExt, ReadDir};
use wasmtime::component::Resource;

use super::bindings::wasi::clocks::wall_clock::Datetime;
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use super::{InputStream, IoError, OutputStream, READ_SIZE};
use crate::state::State;

/// An open file or folder.
pub enum Descriptor {
    Dir(Arc<Dir>),
    File(Arc<std::fs::File>),
}

/// A folder's entries that have not been asked for yet.
pub struct DirectoryStream(ReadDir);

type Outcome<T> = Result<T, ErrorCode>;
type Handle = Resource<Descriptor>;

impl preopens::Host for State {
    fn get_directories(&mut self) -> Vec<(Handle, String)> {
        let folders = self.services.clone();
        let opened = folders.access.folders.iter().filter_map(|(dir, mount)| {
            // No room for handles: the guest sees no folder and says so.
            let handle = self.table.push(Descriptor::Dir(dir.clone())).ok()?;
            Some((handle, mount.clone()))
        });
        opened.collect()
    }
}

impl State {
    fn dir(&self, handle: &Handle) -> Outcome<Arc<Dir>> {
        match self.table.get(handle) {
            Ok(Descriptor::Dir(dir)) => Ok(dir.clone()),
            Ok(Descriptor::File(_)) => Err(ErrorCode::NotDirectory),
            Err(_) => Err(ErrorCode::BadDescriptor),
        }
    }

    fn file(&self, handle: &Handle) -> Outcome<Arc<std::fs::File>> {
        match self.table.get(handle) {
            Ok(Descriptor::File(file)) => Ok(file.clone()),
            Ok(Descriptor::Dir(_)) => Err(ErrorCode::IsDirectory),
            Err(_) => Err(ErrorCode::BadDescriptor),
        }
    }

    fn metadata(&self, handle: &Handle) -> Outcome<Metadata> {
        match self.table.get(handle) {
            Ok(Descriptor::Dir(dir)) => dir.dir_metadata().map_err(code),
            Ok(Descriptor::File(file)) => Metadata::from_file(file).map_err(code),
            Err(_) => Err(ErrorCode::BadDescriptor),
        }
    }

    fn metadata_at(&self, handle: &Handle, flags: PathFlags, path: &str) -> Outcome<Metadata> {
        let dir = self.dir(handle)?;
        let follow = flags.contains(PathFlags::SYMLINK_FOLLOW);
        if follow { dir.metadata(path) } else { dir.symlink_metadata(path) }.map_err(code)
    }

    fn push<T: Send + 'static>(&mut self, what: T) -> Outcome<Resource<T>> {
        // Too many at once, which the table's capacity bounds.
        self.table.push(what).map_err(|_| ErrorCode::InsufficientMemory)
    }
}

impl types::Host for State {
    fn filesystem_error_code(&mut self, _: Resource<IoError>) -> Option<ErrorCode> {
        Some(ErrorCode::Io)
    }
}

impl types::HostDirectoryEntryStream for State {
    fn read_directory_entry(&mut self, stream: Resource<DirectoryStream>) -> Outcome<Option<DirectoryEntry>> {
        let stream = self.table.get_mut(&stream).map_err(|_| ErrorCode::BadDescriptor)?;
        let Some(entry) = stream.0.next() else { return Ok(None) };
        let entry = entry.map_err(code)?;
        let name = entry.file_name().into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
        Ok(Some(DirectoryEntry { type_: entry.file_type().map_or(DescriptorType::Unknown, kind), name }))
    }

    fn drop(&mut self, stream: Resource<DirectoryStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl types::HostDescriptor for State {
    fn read_via_stream(&mut self, this: Handle, at: u64) -> Outcome<Resource<InputStream>> {
        let file = self.file(&this)?;
        self.push(InputStream::File { file, at })
    }

    fn read(&mut self, this: Handle, length: u64, offset: u64) -> Outcome<(Vec<u8>, bool)> {
        let file = self.file(&this)?;
        let bytes = read_at(&file, length, offset).map_err(code)?;
        let end = bytes.is_empty() && length > 0;
        Ok((bytes, end))
    }

    fn read_directory(&mut self, this: Handle) -> Outcome<Resource<DirectoryStream>> {
        let entries = self.dir(&this)?.entries().map_err(code)?;
        self.push(DirectoryStream(entries))
    }

    fn open_at(
        &mut self,
        this: Handle,
        path_flags: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Outcome<Handle> {
        let changes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
        if open.intersects(changes) || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY) {
            return Err(ErrorCode::ReadOnly);
        }
        let dir = self.dir(&this)?;
        if !path_flags.contains(PathFlags::SYMLINK_FOLLOW)
            && dir.symlink_metadata(&path).map_err(code)?.file_type().is_symlink()
        {
            return Err(ErrorCode::Loop);
        }
        let mut options = OpenOptions::new();
        // A pipe that nobody writes to would hold the thread at opening; to files this flag is nothing.
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = dir.open_with(&path, &options).map_err(code)?.into_std();
        let is = Metadata::from_file(&file).map_err(code)?.file_type();
        if is.is_dir() {
            self.push(Descriptor::Dir(Arc::new(Dir::from_std_file(file))))
        } else if open.contains(OpenFlags::DIRECTORY) {
            Err(ErrorCode::NotDirectory)
        } else if is.is_file() {
            self.push(Descriptor::File(Arc::new(file)))
        } else {
            Err(ErrorCode::NotPermitted)
        }
    }

    fn stat(&mut self, this: Handle) -> Outcome<DescriptorStat> {
        self.metadata(&this).map(|m| stat(&m))
    }

    fn stat_at(&mut self, this: Handle, flags: PathFlags, path: String) -> Outcome<DescriptorStat> {
        self.metadata_at(&this, flags, &path).map(|m| stat(&m))
    }

    fn metadata_hash(&mut self, this: Handle) -> Outcome<MetadataHashValue> {
        self.metadata(&this).map(|m| hash(&m))
    }

    fn metadata_hash_at(&mut self, this: Handle, flags: PathFlags, path: String) -> Outcome<MetadataHashValue> {
        self.metadata_at(&this, flags, &path).map(|m| hash(&m))
    }

    fn is_same_object(&mut self, this: Handle, other: Handle) -> bool {
        let of = |m: Metadata| (m.dev(), m.ino());
        matches!((self.metadata(&this), self.metadata(&other)), (Ok(a), Ok(b)) if of(a.clone()) == of(b.clone()))
    }

    fn readlink_at(&mut self, this: Handle, path: String) -> Outcome<String> {
        let target = self.dir(&this)?.read_link(path).map_err(code)?;
        target.into_os_string().into_string().map_err(|_| ErrorCode::IllegalByteSequence)
    }

    fn get_flags(&mut self, _: Handle) -> Outcome<DescriptorFlags> {
        Ok(DescriptorFlags::READ)
    }

    fn get_type(&mut self, this: Handle) -> Outcome<DescriptorType> {
        self.metadata(&this).map(|m| kind(m.file_type()))
    }

    fn advise(&mut self, _: Handle, _: u64, _: u64, _: Advice) -> Outcome<()> {
        Ok(())
    }

    fn sync_data(&mut self, _: Handle) -> Outcome<()> {
        Ok(())
    }

    fn sync(&mut self, _: Handle) -> Outcome<()> {
        Ok(())
    }

    fn write_via_stream(&mut self, _: Handle, _: u64) -> Outcome<Resource<OutputStream>> {
        Err(ErrorCode::ReadOnly)
    }

    fn append_via_stream(&mut self, _: Handle) -> Outcome<Resource<OutputStream>> {
        Err(ErrorCode::ReadOnly)
    }

    fn set_size(&mut self, _: Handle, _: u64) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn set_times(&mut self, _: Handle, _: NewTimestamp, _: NewTimestamp) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn set_times_at(&mut self, _: Handle, _: PathFlags, _: String, _: NewTimestamp, _: NewTimestamp) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn write(&mut self, _: Handle, _: Vec<u8>, _: u64) -> Outcome<u64> {
        Err(ErrorCode::ReadOnly)
    }

    fn create_directory_at(&mut self, _: Handle, _: String) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn link_at(&mut self, _: Handle, _: PathFlags, _: String, _: Handle, _: String) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn remove_directory_at(&mut self, _: Handle, _: String) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn rename_at(&mut self, _: Handle, _: String, _: Handle, _: String) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn symlink_at(&mut self, _: Handle, _: String, _: String) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn unlink_file_at(&mut self, _: Handle, _: String) -> Outcome<()> {
        Err(ErrorCode::ReadOnly)
    }

    fn drop(&mut self, this: Handle) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

/// What is there, up to [`READ_SIZE`]; nothing at the end.
pub(super) fn read_at(file: &std::fs::File, length: u64, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length.min(READ_SIZE)).unwrap_or_default()];
    let read = file.read_at(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn kind(of: FileType) -> DescriptorType {
    if of.is_dir() {
        DescriptorType::Directory
    } else if of.is_file() {
        DescriptorType::RegularFile
    } else if of.is_symlink() {
        DescriptorType::SymbolicLink
    } else {
        DescriptorType::Unknown
    }
}

fn stat(of: &Metadata) -> DescriptorStat {
    let time = |seconds: i64, nanoseconds: i64| {
        let seconds = u64::try_from(seconds).ok()?;
        Some(Datetime { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or_default() })
    };
    DescriptorStat {
        type_: kind(of.file_type()),
        link_count: of.nlink(),
        size: of.len(),
        data_access_timestamp: time(of.atime(), of.atime_nsec()),
        data_modification_timestamp: time(of.mtime(), of.mtime_nsec()),
        status_change_timestamp: time(of.ctime(), of.ctime_nsec()),
    }
}

fn hash(of: &Metadata) -> MetadataHashValue {
    let of = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, of.dev(), of.ino(), of.mtime(), of.mtime_nsec(), of.len()).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue { lower: of(0), upper: of(1) }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn code(error: io::Error) -> ErrorCode {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => ErrorCode::NoEntry,
        Some(Errno::ACCESS) => ErrorCode::Access,
        Some(Errno::NOTDIR) => ErrorCode::NotDirectory,
        Some(Errno::ISDIR) => ErrorCode::IsDirectory,
        Some(Errno::LOOP) => ErrorCode::Loop,
        Some(Errno::NAMETOOLONG) => ErrorCode::NameTooLong,
        Some(Errno::INVAL) => ErrorCode::Invalid,
        Some(Errno::PERM | Errno::XDEV) => ErrorCode::NotPermitted,
        // cap-std's own: a path that leads out.
        None if error.kind() == io::ErrorKind::PermissionDenied => ErrorCode::NotPermitted,
        None if error.kind() == io::ErrorKind::InvalidInput => ErrorCode::Invalid,
        _ => ErrorCode::Io,
    }
}
