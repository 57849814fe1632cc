"""Whether a disk is one of this machine. Knows what is mounted, not what a file holds."""

from pathlib import Path

from storage.sqlite import DatabaseUnusable

MOUNTS = Path("/proc/self/mounts")
REMOTE = {
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "gfs2",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "smb3",
    "smbfs",
    "virtiofs",
}
"""Disks that other machines write too, where SQLite's log and locks don't hold. And all of FUSE."""


def refuse_remote(file: Path, mounts: Path = MOUNTS) -> None:
    """Accept a place for a live SQLite database.

    Raises:
        DatabaseUnusable: it lies on a disk that other machines write too.
    """
    kind = _kind(file, mounts)
    if kind in REMOTE or kind == "fuse" or kind.startswith("fuse."):
        raise DatabaseUnusable(
            f"{file} lies on a network disk ({kind}), where SQLite loses and spoils data. Set "
            "HITL_DATA_DIR to a disk of this machine, or HITL_DATABASE_URL to a database server; "
            "backups may lie there."
        )


def _kind(file: Path, mounts: Path) -> str:
    """Return the kind of disk under a file; nothing where the system doesn't tell (no /proc).

    The root is this machine's whatever its kind: sandboxes see theirs as 9p, virtiofs or FUSE.
    """
    if not mounts.exists():
        return ""
    lies = file.absolute().resolve()
    kind, depth = "", 1
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, found = line.split(" ")[:3]
        place = Path(point.encode("latin-1", "replace").decode("unicode_escape"))
        if lies.is_relative_to(place) and len(place.parts) > 1 and len(place.parts) >= depth:
            kind, depth = found, len(place.parts)  # of two in one place the later lies on top
    return kind
