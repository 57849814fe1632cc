from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from storage.home import Home, HomeError


def test_the_database_lies_in_the_data_folder_unless_told_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "50% of? #my data"
    home = Home.from_env({"HITL_DATA_DIR": str(folder)})
    assert make_url(home.database_url).database == str(folder / "feedback.db")
    elsewhere = Home.from_env({"HITL_DATABASE_URL": "postgresql://host/name"})
    assert elsewhere.database_url == "postgresql://host/name"


def test_preparing_makes_the_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "new" / "data")})
    home.prepare()
    home.prepare()
    assert {path.name for path in home.folder.iterdir()} == {"adapters", "models", "exports"}


def test_a_data_folder_that_can_not_be_made_gets_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "file" / "data")})
    with pytest.raises(HomeError, match=r"can't be written .* Set HITL_DATA_DIR") as caught:
        home.prepare()
    assert "\n" not in str(caught.value)
