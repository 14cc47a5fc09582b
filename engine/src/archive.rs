//! Unpacking archives that programs bring along: zip and tar, the latter also compressed by gzip.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use zip::ZipArchive;

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file could not be read or written.
    #[error("failed to unpack {}", archive.display())]
    Unpack {
        /// The archive.
        archive: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name says zip, and the content does not.
    #[error("failed to unpack {}", archive.display())]
    Zip {
        /// The archive.
        archive: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },
}

/// How the content of a file is packed, as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Zip,
    Tar,
    TarGzip,
    /// Spark takes it as it is.
    None,
}

fn packing(name: &str) -> Packing {
    let name = name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if ends(&[".zip", ".jar"]) {
        Packing::Zip
    } else if ends(&[".tar.gz", ".tgz"]) {
        Packing::TarGzip
    } else if ends(&[".tar"]) {
        Packing::Tar
    } else {
        Packing::None
    }
}

/// Unpacks `archive` to `target`: a folder; or a file, where `name` is not that of an archive. Entries that
/// would land outside of the folder are refused or left out.
///
/// # Errors
/// The archive cannot be read, is broken, or its content cannot be written.
pub fn unpack(archive: &Path, name: &str, target: &Path) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Unpack { archive: archive.to_owned(), source };
    let open = || File::open(archive).map_err(failed);
    match packing(name) {
        Packing::Zip => ZipArchive::new(open()?)
            .and_then(|mut zip| zip.extract(target))
            .map_err(|source| ArchiveError::Zip { archive: archive.to_owned(), source }),
        Packing::Tar => tar::Archive::new(open()?).unpack(target).map_err(failed),
        Packing::TarGzip => tar::Archive::new(GzDecoder::new(open()?)).unpack(target).map_err(failed),
        Packing::None => fs::copy(archive, target).map(|_| ()).map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn tar_gz(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            // Past the builder's own check of names.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn zip_and_tar_become_folders_and_anything_else_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut zip = ZipWriter::new(File::create(at("a.zip")).unwrap());
        zip.start_file("lib/x.txt", SimpleFileOptions::default()).unwrap();
        zip.write_all(b"from zip").unwrap();
        zip.finish().unwrap();
        fs::write(at("b.tar.gz"), tar_gz(&[("bin/run", "from tar")])).unwrap();
        fs::write(at("c.txt"), "as it is").unwrap();

        unpack(&at("a.zip"), "a.zip", &at("zipped")).unwrap();
        // A downloaded file need not have the name it came by.
        fs::rename(at("b.tar.gz"), at("download")).unwrap();
        unpack(&at("download"), "b.tgz", &at("tarred")).unwrap();
        unpack(&at("c.txt"), "c.txt", &at("copied")).unwrap();

        assert_eq!(fs::read_to_string(at("zipped/lib/x.txt")).unwrap(), "from zip");
        assert_eq!(fs::read_to_string(at("tarred/bin/run")).unwrap(), "from tar");
        assert_eq!(fs::read_to_string(at("copied")).unwrap(), "as it is");
    }

    #[test]
    fn nothing_lands_outside_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("bad.tar.gz"), tar_gz(&[("../escaped", "x"), ("kept", "y")])).unwrap();
        let _ = unpack(&at("bad.tar.gz"), "bad.tar.gz", &at("target"));
        assert!(!at("escaped").exists());
    }

    #[test]
    fn a_broken_archive_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["broken.zip", "broken.tar.gz"] {
            let path = folder.path().join(name);
            fs::write(&path, "not an archive").unwrap();
            let error = unpack(&path, name, &folder.path().join("target")).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
