//! The one way to read a file that may hold a token, and the one way to destroy it.
//!
//! Opening trusts nothing about the path: no link is followed in its last component, nothing that could
//! block is waited on, and what counts is what the open descriptor says. Erasing works on the very file
//! that was read (same device, same inode) or not at all. A restart may erase again: a file that is
//! gone already is no error.

use super::disk::{self, Free};
use super::files::FileError;
use super::root::Root;
use crate::secret::SecretBytes;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::statfs;
use nix::unistd::Uid;
use std::fmt;
use std::fs::{self, File, FileType, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
pub const LIMIT: u64 = 1024 * 1024;

/// A file that was read, and which file exactly that was.
#[derive(Debug)]
pub struct Opened {
    /// Its content; zeroed when dropped.
    pub bytes: SecretBytes,
    /// Which file it was; [`erase`] takes this.
    pub place: FilePlace,
}

/// One file on one device, by whatever name it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlace {
    /// Where it was found.
    pub path: PathBuf,
    /// The device it lies on.
    pub dev: u64,
    /// Its inode there.
    pub ino: u64,
}

/// Why a file is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A symbolic link.
    #[error("it is a symbolic link; put the file itself there")]
    Link,
    /// A directory.
    #[error("it is a directory; a regular file is expected")]
    Directory,
    /// A FIFO, socket or device.
    #[error("it is {0}; a regular file is expected")]
    NotRegular(&'static str),
    /// Owned by somebody else.
    #[error("it is owned by user {0}; whoever owns it could replace it: chown root it")]
    Owner(u32),
    /// Open to others.
    #[error(
        "its mode is {0:04o}, so that others can read or write it; chmod 0600 it and have a new token issued"
    )]
    Mode(u32),
    /// Larger than [`LIMIT`].
    #[error("it is larger than {LIMIT} bytes")]
    TooLarge,
    /// The system said no.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
}

/// Reads the file at `path`, if it is one that may be believed: a regular file, owned by root (under
/// another root: or by whoever runs this), not readable or writable by group or others, at most
/// [`LIMIT`] bytes. `None` when nothing is there.
pub fn open(path: &Path, root: &Root) -> Result<Option<Opened>, Refused> {
    read_if(path, |meta| is_believed(meta, root))
}

/// The same of whoever's file, whoever else can read or write it: for what is looked for in it and not believed.
pub fn open_unbelieved(path: &Path) -> Result<Option<Opened>, Refused> {
    read_if(path, |_| Ok(()))
}

fn read_if(
    path: &Path,
    may: impl FnOnce(&Metadata) -> Result<(), Refused>,
) -> Result<Option<Opened>, Refused> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(why_not_opened(path, error)),
    };
    let meta = file.metadata().map_err(Refused::Unreadable)?;
    is_file(&meta)?;
    may(&meta)?;
    let bytes = read_all(&file, meta.len())?;
    Ok(Some(Opened { bytes, place: FilePlace { path: path.to_owned(), dev: meta.dev(), ino: meta.ino() } }))
}

/// Which file stands at `path`, where it is a regular one: for one that need not be read to be erased.
pub fn locate(path: &Path) -> Option<FilePlace> {
    let meta = fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
    Some(FilePlace { path: path.to_owned(), dev: meta.dev(), ino: meta.ino() })
}

/// Reads standard input to its end, at most [`LIMIT`] bytes, into one buffer.
pub fn read_stdin() -> Result<SecretBytes, Refused> {
    let mut bytes = SecretBytes::new(vec![0; LIMIT as usize + 1]);
    let filled = fill(&mut io::stdin().lock(), &mut bytes).map_err(Refused::Unreadable)?;
    if filled as u64 > LIMIT {
        return Err(Refused::TooLarge);
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// A link is ELOOP and a socket ENXIO; a person is better served with their names.
fn why_not_opened(path: &Path, error: io::Error) -> Refused {
    match fs::symlink_metadata(path).map(|meta| meta.file_type()) {
        Ok(kind) if kind.is_symlink() => Refused::Link,
        Ok(kind) => name_of_irregular(kind).map_or(Refused::Unreadable(error), Refused::NotRegular),
        Err(_) => Refused::Unreadable(error),
    }
}

fn is_file(meta: &Metadata) -> Result<(), Refused> {
    if meta.is_dir() {
        return Err(Refused::Directory);
    }
    if !meta.is_file() {
        return Err(Refused::NotRegular(name_of_irregular(meta.file_type()).unwrap_or("of an unknown kind")));
    }
    if meta.len() > LIMIT {
        return Err(Refused::TooLarge);
    }
    Ok(())
}

fn is_believed(meta: &Metadata, root: &Root) -> Result<(), Refused> {
    let own = !root.is_machine() && meta.uid() == Uid::effective().as_raw();
    if meta.uid() != 0 && !own {
        return Err(Refused::Owner(meta.uid()));
    }
    if meta.mode() & 0o066 != 0 {
        return Err(Refused::Mode(meta.mode() & 0o7777));
    }
    Ok(())
}

fn name_of_irregular(kind: FileType) -> Option<&'static str> {
    if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        None
    }
}

/// Into one buffer of the final size: one that grows would leave copies behind in freed memory.
fn read_all(mut file: &File, expected: u64) -> Result<SecretBytes, Refused> {
    let mut bytes = SecretBytes::new(vec![0; expected as usize + 1]);
    let filled = fill(&mut file, &mut bytes).map_err(Refused::Unreadable)?;
    if filled as u64 != expected {
        return Err(Refused::Unreadable(io::Error::other("it changed while it was read")));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Fills `buffer` as far as `from` goes; says how far.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What is known of the bytes that were erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guarantee {
    /// They were in memory only (tmpfs, ramfs) and are gone.
    Memory,
    /// They were put over where they lay. Older versions of the file may be in free blocks of the file
    /// system mounted here, until it is trimmed.
    Trimmable {
        /// Its mount point.
        mount: PathBuf,
    },
    /// They may still be on the disk.
    None {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guarantee::Memory => f.write_str("it was in memory only"),
            Guarantee::Trimmable { mount } => {
                write!(f, "overwritten in place; free blocks of {} can be trimmed", mount.display())
            }
            Guarantee::None { why } => write!(f, "not guaranteed: {why}"),
        }
    }
}

/// What erasing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// How many bytes were overwritten; 0 when the file was gone already.
    pub bytes: u64,
    /// What is known of the blocks below.
    pub guarantee: Guarantee,
}

/// Overwrites the file with zeros, flushes, unlinks it and flushes the directory.
///
/// An error when another file stands at the path by now: that one is left alone, and where the one that
/// was read has gone is not known.
pub fn erase(place: &FilePlace) -> Result<Erased, FileError> {
    let at = |doing| move |source| FileError { doing, path: place.path.clone(), source };
    let mut file = match open_to_overwrite(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = "it was gone already when it was to be overwritten".to_owned();
            return Ok(Erased { bytes: 0, guarantee: Guarantee::None { why } });
        }
        opened => opened.map_err(at("opening to erase"))?,
    };
    let guarantee = guarantee_of(&file, &place.path);
    let bytes = overwrite(&mut file).map_err(at("overwriting"))?;
    remove(place).map_err(at("removing"))?;
    let dir = place.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at("flushing the directory of"))?;
    Ok(Erased { bytes, guarantee })
}

/// Takes the name away, unless another file has been put there meanwhile, as whoever delivers a bootstrap does: the
/// one that was overwritten has no name then.
fn remove(place: &FilePlace) -> io::Result<()> {
    match fs::symlink_metadata(&place.path) {
        Ok(meta) if meta.dev() == place.dev && meta.ino() == place.ino => fs::remove_file(&place.path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn open_to_overwrite(place: &FilePlace) -> io::Result<File> {
    let open = |write: bool| {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        OpenOptions::new().read(!write).write(write).custom_flags(flags.bits()).open(&place.path)
    };
    let file = match open(true) {
        // Without the rights of root a file of mode 0400 has to be made writable first.
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => {
            let file = open(false)?;
            the_same(&file, place)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            open(true)?
        }
        opened => opened?,
    };
    the_same(&file, place)?;
    Ok(file)
}

fn the_same(file: &File, place: &FilePlace) -> io::Result<()> {
    let meta = file.metadata()?;
    if meta.is_file() && meta.dev() == place.dev && meta.ino() == place.ino {
        return Ok(());
    }
    Err(io::Error::other("another file stands there than the one that was read"))
}

fn overwrite(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut left = length;
    while left > 0 {
        let step = left.min(8192);
        file.write_all(&[0; 8192][..step as usize])?;
        left -= step;
    }
    file.sync_all()?;
    Ok(length)
}

/// What is known of the blocks below a file that is overwritten where it stands.
pub(super) fn guarantee_of(file: &File, path: &Path) -> Guarantee {
    const RAMFS: u64 = 0x8584_58f6;
    const ZFS: u64 = 0x2fc1_2fc1;
    const BCACHEFS: u64 = 0xca45_1a4e;
    let kind = match statfs::fstatfs(file) {
        Ok(stat) => stat.filesystem_type(),
        Err(errno) => {
            return Guarantee::None { why: format!("the file system did not say what it is ({errno})") };
        }
    };
    let elsewhere = |name: &str| Guarantee::None { why: format!("{name} writes changes to other blocks") };
    match kind {
        statfs::TMPFS_MAGIC => Guarantee::Memory,
        statfs::EXT4_SUPER_MAGIC | statfs::XFS_SUPER_MAGIC | statfs::MSDOS_SUPER_MAGIC => {
            in_place(file.metadata().ok().and_then(|meta| disk::free(meta.dev())), path)
        }
        statfs::BTRFS_SUPER_MAGIC => elsewhere("btrfs"),
        statfs::F2FS_SUPER_MAGIC => elsewhere("f2fs"),
        statfs::OVERLAYFS_SUPER_MAGIC => {
            Guarantee::None { why: "overlayfs may keep a lower copy".to_owned() }
        }
        statfs::NFS_SUPER_MAGIC => Guarantee::None { why: "the file lies on an NFS server".to_owned() },
        statfs::FsType(magic) => match magic as u64 & 0xffff_ffff {
            RAMFS => Guarantee::Memory,
            ZFS => elsewhere("zfs"),
            BCACHEFS => elsewhere("bcachefs"),
            other => Guarantee::None { why: format!("file system of unknown kind {other:#x}") },
        },
    }
}

/// The blocks of the file itself are put over. Whoever wrote it may have done so more than once, as
/// cloud-init does, into other blocks each time: those are free now.
fn in_place(free: Option<Free>, path: &Path) -> Guarantee {
    match free {
        Some(Free::Discarded) => match disk::mounted_at(path) {
            Ok(mount) => Guarantee::Trimmable { mount },
            Err(error) => {
                Guarantee::None { why: format!("where its disk is mounted is not known ({error})") }
            }
        },
        Some(Free::Kept) => Guarantee::None {
            why: "the disk does not discard: free blocks may keep what older versions of the file held"
                .to_owned(),
        },
        None => Guarantee::None { why: "the disk does not say whether it discards".to_owned() },
    }
}

#[cfg(test)]
mod tests;
