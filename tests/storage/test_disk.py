from pathlib import Path

import pytest

from storage.disk import refuse_remote
from storage.sqlite import DatabaseUnusable

MOUNTS = """\
rootfs / 9p rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sda1 /home/me/local ext4 rw 0 0
me@host:/ /mnt/my\\040disk fuse.sshfs rw 0 0
bucket /mnt/bucket fuse rw 0 0
share /mnt/share cifs rw 0 0
host /mnt/host 9p rw 0 0
/dev/sdb1 /mnt/ntfs fuseblk rw 0 0
tmpfs /mnt/share/over tmpfs rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mounts"
    file.write_text(MOUNTS)
    return file


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", "nfs4"),
        ("/mnt/my disk", "fuse.sshfs"),
        ("/mnt/bucket/a/b", "fuse"),
        ("/mnt/share", "cifs"),
        ("/mnt/host", "9p"),
    ],
)
def test_a_network_disk_is_refused_with_its_kind_and_the_mend(
    folder: str, kind: str, mounts: Path
) -> None:
    with pytest.raises(DatabaseUnusable, match=rf"network disk \({kind}\).*HITL_DATA_DIR") as error:
        refuse_remote(Path(folder) / "feedback.db", mounts)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "folder", ["/data", "/home/me/local", "/homely", "/mnt/share/over", "/mnt/ntfs"]
)
def test_a_disk_of_this_machine_is_taken(folder: str, mounts: Path) -> None:
    refuse_remote(Path(folder) / "feedback.db", mounts)


def test_where_the_system_does_not_tell_nothing_is_refused(tmp_path: Path) -> None:
    refuse_remote(Path("/home/me/feedback.db"), tmp_path / "none")
    refuse_remote(tmp_path / "feedback.db")
