//! Walks below the root without ever following a link: every directory is opened from the one above it,
//! and what is handed out is a directory's descriptor and a name in it. A link anywhere on the way ends
//! that way. Nothing is opened that could block, and nothing of what is met is believed: whoever opens a
//! file looks at the descriptor.

use super::root::Root;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// An open directory, and how it was reached.
#[derive(Debug, Clone)]
pub struct Folder {
    fd: Rc<OwnedFd>,
    path: PathBuf,
    dev: u64,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// A name in a directory that was met as a regular file.
#[derive(Debug, Clone)]
pub struct Spot {
    folder: Folder,
    name: OsString,
}

impl Folder {
    /// The root itself. The path to it is the caller's own and may lead through links.
    pub fn root(root: &Root) -> io::Result<Folder> {
        Folder::of(File::open(root.path())?.into(), root.path().to_owned())
    }

    fn of(fd: OwnedFd, path: PathBuf) -> io::Result<Folder> {
        let dev = fstat(&fd)?.st_dev;
        Ok(Folder { fd: Rc::new(fd), path, dev })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether both lie on one file system.
    pub fn is_on_the_device_of(&self, other: &Folder) -> bool {
        self.dev == other.dev
    }

    /// The directory of this name in it; an error where the name is a link or no directory.
    pub fn folder(&self, name: &OsStr) -> io::Result<Folder> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Folder::of(openat(&*self.fd, name, flags, Mode::empty())?, self.path.join(name))
    }

    /// What stands under this name.
    pub fn kind(&self, name: &OsStr) -> io::Result<Kind> {
        Ok(kind_of(&self.stat(name)?))
    }

    fn stat(&self, name: &OsStr) -> io::Result<FileStat> {
        Ok(fstatat(&*self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// The regular file of this name.
    pub fn spot(&self, name: &OsStr) -> Spot {
        Spot { folder: self.clone(), name: name.to_owned() }
    }

    /// Shows every name in it, with what it stands for, until `visit` says no. Names are not kept: a
    /// directory may be larger than memory.
    pub fn each(&self, mut visit: impl FnMut(&OsStr, Kind) -> bool) -> io::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        // A descriptor of its own: listing moves the position.
        let mut dir = Dir::from_fd(openat(&*self.fd, ".", flags, Mode::empty())?)?;
        for entry in dir.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                Some(Type::Directory) => Kind::Folder,
                Some(Type::File) => Kind::File,
                Some(Type::Symlink) => Kind::Link,
                Some(_) => Kind::Other,
                None => match self.kind(name) {
                    Ok(kind) => kind,
                    // It went away meanwhile.
                    Err(_) => continue,
                },
            };
            if !visit(name, kind) {
                break;
            }
        }
        Ok(())
    }
}

impl Spot {
    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name)
    }

    /// Its name.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Opens it to be read. What was opened may be anything but a link.
    pub fn open(&self) -> io::Result<File> {
        self.open_for(OFlag::O_RDONLY)
    }

    /// Whether a file of this name in the same directory begins so.
    pub fn has_beside(&self, name: &str, beginning: &str) -> bool {
        let mut text = vec![0; beginning.len()];
        let beside = self.folder.spot(OsStr::new(name)).open();
        let read = beside.and_then(|file| std::os::unix::fs::FileExt::read_at(&file, &mut text, 0));
        read.is_ok() && text == beginning.as_bytes()
    }

    /// Opens it to be read and written.
    pub fn open_to_write(&self) -> io::Result<File> {
        self.open_for(OFlag::O_RDWR)
    }

    fn open_for(&self, access: OFlag) -> io::Result<File> {
        let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        // A device would act on being opened; what it is then is looked at once more by its descriptor.
        if kind_of(&self.folder.stat(&self.name)?) != Kind::File {
            return Err(Errno::ELOOP.into());
        }
        Ok(openat(&*self.folder.fd, self.name.as_os_str(), flags, Mode::empty())?.into())
    }

    /// Whether the name stands for this file, still.
    pub fn stands_for(&self, file: &File) -> io::Result<bool> {
        let (now, then) = (self.folder.stat(&self.name)?, fstat(file)?);
        Ok((now.st_dev, now.st_ino) == (then.st_dev, then.st_ino))
    }
}

fn kind_of(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => Kind::Folder,
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    }
}
