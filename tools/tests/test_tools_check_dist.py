"""What the release proof refuses."""

import sys
import zipfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOOLS))

check_dist = pytest.importorskip("check_dist", reason="needs packaging")

METADATA = (
    "Metadata-Version: 2.4\nName: ataraxis-nested\nLicense-Expression: GPL-3.0-or-later\nRequires-Python: >=3.11\n"
)
GOOD = {
    "ataraxis_nested/__init__.py": "",
    "ataraxis_nested/py.typed": "",
    "ataraxis_nested-1.0.0.dist-info/METADATA": METADATA,
    "ataraxis_nested-1.0.0.dist-info/licenses/LICENSE": "",
}


def wheel_of(folder, files, name="ataraxis_nested-1.0.0-py3-none-any.whl"):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return check_dist.Distribution("ataraxis-nested", folder)


def test_a_complete_wheel_passes(tmp_path):
    check_dist.check_wheel(wheel_of(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("missing", "said"), [("ataraxis_nested/py.typed", "py.typed"), (list(GOOD)[-1], "carries no LICENSE")]
)
def test_a_missing_file_is_named(missing, said, tmp_path):
    with pytest.raises(check_dist.DistError, match=said):
        check_dist.check_wheel(wheel_of(tmp_path, {path: GOOD[path] for path in GOOD if path != missing}))


def test_a_foreign_top_level_is_refused(tmp_path):
    with pytest.raises(check_dist.DistError, match="installs more than its package: \\['tests'\\]"):
        check_dist.check_wheel(wheel_of(tmp_path, {**GOOD, "tests/test_x.py": ""}))


def test_a_platform_wheel_is_refused(tmp_path):
    with pytest.raises(check_dist.DistError, match="not a pure Python wheel"):
        check_dist.check_wheel(wheel_of(tmp_path, GOOD, "ataraxis_nested-1.0.0-cp311-cp311-linux_x86_64.whl"))


def test_wrong_metadata_is_refused(tmp_path):
    files = {**GOOD, "ataraxis_nested-1.0.0.dist-info/METADATA": METADATA.replace(">=3.11", ">=3.8")}
    with pytest.raises(check_dist.DistError, match=r"Requires-Python is '>=3\.8', expected '>=3\.11'"):
        check_dist.check_wheel(wheel_of(tmp_path, files))


def test_a_failing_command_shows_what_it_said():
    with pytest.raises(check_dist.DistError, match=r"(?s)status 3.*the reason"):
        check_dist.run([sys.executable, "-c", "print('the reason'); raise SystemExit(3)"])
