"""The built-in kubectl's cp through central and agent: both ways, links, folders, and archives that want out."""

import hashlib
import os
import pathlib
import subprocess
import tarfile

import pytest

import pod_peer
import stack
from test_kubectl_exec import agent_of_peer, cli, peer  # noqa: F401 (fixtures)

FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.fixture
def cp(cli, tmp_path):  # noqa: F811
    """cp(args): the CompletedProcess, run in a folder of the test's own."""
    (tmp_path / "here").mkdir()

    def run(*args, binary=stack.BIN, timeout_s=60):
        done = subprocess.run([binary, "kubectl", "-n", "a", "cp", *map(str, args)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, cwd=tmp_path / "here", timeout=timeout_s * stack.SLOW, env=cli.env())
        assert not stack.REPORT.search(done.stderr), done.stderr[:6000]
        return done
    return run


def tree(path):
    """What is below a folder: names with content, link, or None for a folder."""
    path = pathlib.Path(path)
    return {str(one.relative_to(path)): os.readlink(one) if one.is_symlink() else None if one.is_dir() else one.read_bytes()
            for one in path.rglob("*")}


@pytest.fixture
def source(tmp_path):
    where = tmp_path / "source"
    (where / "sub" / "deep").mkdir(parents=True)
    (where / "empty").mkdir()
    (where / "one").write_bytes(os.urandom(100_000))
    (where / "sub" / "exactly").write_bytes(b"x" * 512)
    (where / "sub" / "none").touch()
    (where / "sub" / "deep" / ("n" * 120)).write_text("long name")
    (where / "sub" / "with space and 'quote'").write_text("q")
    (where / "run").write_text("#!/bin/sh\n")
    (where / "run").chmod(0o750)
    (where / "link").symlink_to("sub/exactly")
    (where / "long-link").symlink_to("x" * 150)
    return where


def test_to_the_pod_and_back(cp, source, tmp_path):
    far = tmp_path / "far"
    far.mkdir()
    done = cp(source, f"shell:{far}/copy")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tree(far / "copy") == tree(source)
    assert (far / "copy" / "run").stat().st_mode & 0o777 == 0o750
    done = cp(source, f"a/shell:{far}")  # into a folder that is there
    assert done.returncode == 0 and tree(far / "source") == tree(source)
    done = cp(f"a/shell:{source}", "back")
    assert done.returncode == 0, done
    links = {name: content for name, content in tree(source).items() if not (source / name).is_symlink()}
    assert tree(tmp_path / "here" / "back") == links
    assert done.stderr.count("warning: skipping symlink: ") == 2 and done.stderr.count("consider using") == 1
    assert 'warning: skipping symlink: "back/link" -> "sub/exactly"' in done.stderr


def test_one_file(cp, source, tmp_path):
    far, here = tmp_path / "far", tmp_path / "here"
    far.mkdir()
    assert cp(source / "one", f"shell:{far}/two", "-c", "main").returncode == 0
    assert (far / "two").read_bytes() == (source / "one").read_bytes()
    assert cp(source / "one", f"shell:{far}/", "--no-preserve").returncode == 0
    assert (far / "one").read_bytes() == (source / "one").read_bytes()
    for target in ("three", "new/folder/four", here / "five"):
        assert cp(f"shell:{far}/two", target).returncode == 0
        assert (here / target).read_bytes() == (source / "one").read_bytes()
    assert cp(f"shell:{far}/two", "three", "--retries=2").returncode == 0
    (here / "three").write_text("longer than before " * 10_000)
    assert cp(f"shell:{source}/sub/none", "three").returncode == 0 and (here / "three").read_bytes() == b""
    assert cp("three", f"shell:{far}/relative").returncode == 0 and (far / "relative").read_bytes() == b""


def test_a_large_file_is_not_held_in_memory(cp, tmp_path):
    size, here = 100 << 20, tmp_path / "here"
    with open(here / "large", "wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"middle")
    code = "import resource, subprocess, sys; status = subprocess.run(sys.argv[1:]).returncode; " \
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)"
    wrapper = here / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nexec {os.environ.get("PYTHON", "/usr/bin/python3")} -c \'{code}\' {stack.BIN} "$@"\n')
    wrapper.chmod(0o755)
    limit_kb = 60_000 if stack.SLOW == 1 else 600_000
    for args in (["large", f"shell:{tmp_path}/up"], [f"shell:{tmp_path}/up", "down"]):
        done = cp(*args, binary=wrapper, timeout_s=120)
        assert done.returncode == 0 and int(done.stdout.split()[-1]) < limit_kb, done

    def digest(path):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    assert digest(here / "large") == digest(tmp_path / "up") == digest(here / "down")


@pytest.mark.parametrize("args,says", [
    (["x"], "source and destination are required"),
    (["a:b", "c:d"], "one of src or dest must be a local file specification"),
    (["a", "b"], "one of src or dest must be a remote file specification"),
    (["shell:", "x"], "filepath can not be empty"),
    ([":a", "x"], "filespec must match the canonical format: [[namespace/]pod:]file/path"),
    (["a/b/c:d", "x"], "filespec must match the canonical format"),
    (["nowhere", "shell:/tmp/x"], "nowhere doesn't exist in local filesystem"),
    (["shell:/nowhere", "x"], "command terminated with exit code 2"),
    (["/bin/true", "shell:/nowhere/x/y"], "command terminated with exit code 2"),
    (["shell:/bin/true", "/proc/x"], "/proc/x"),
    (["shell:/bin/true", "."], "error: open ."),
])
def test_refusals(cp, args, says):
    done = cp(*args)
    assert done.returncode in (1, 2) and says in done.stderr, done


OUTSIDE = "is outside target destination, skipping"
HOSTILE = {
    "up": ([("etc/../../../out", FILE, b"x"), ("etc/in", FILE, b"y")], 0, {"in": b"y"}, OUTSIDE),
    "up-folder": ([("etc/../../out", FOLDER, "")], 0, {}, OUTSIDE),
    "backslashes": ([("etc/..\\..\\..\\out", FILE, b"x")], 0, {}, OUTSIDE),
    "absolute": ([("/out", FILE, b"x")], 1, {}, "tar contents corrupted"),
    "other-name": ([("other/out", FILE, b"x")], 1, {}, "tar contents corrupted"),
    "link-out": ([("etc/l", LINK, "/tmp"), ("etc/l/out", FILE, b"x")], 0, {"l": None, "l/out": b"x"}, "skipping symlink"),
    "link-up": ([("etc/l", LINK, ".."), ("etc/l/../out", FILE, b"x")], 0, {"out": b"x"}, "skipping symlink"),
    "hard-link-out": ([("etc/l", HARD, "/etc/passwd")], 0, {"l": b""}, "hard link becomes an empty file"),
    "device": ([("etc/d", tarfile.CHRTYPE, "")], 0, {"d": b""}, ""),
    "control": ([("etc/a\x1b[2Jb", LINK, "c\x1b[2Jd")], 0, {}, r'a\x1b[2Jb" -> "c\x1b[2Jd"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(cp, peer, tmp_path, name):  # noqa: F811
    members, status, wanted, says = HOSTILE[name]
    peer.tars[name] = pod_peer.archive(*members)
    done = cp(f"{name}:/etc", "target")
    assert done.returncode == status, done
    assert says in done.stderr or says.replace("\\x1b", "\\u001b") in done.stderr, done
    target = tmp_path / "here" / "target"
    assert tree(target) == wanted
    assert [one.name for one in (tmp_path / "here").iterdir()] in (["target"], [])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["here"]


@pytest.mark.parametrize("name,cut,says", [
    ("cut-header", 300, "unexpected EOF"), ("cut-content", 1000, "unexpected EOF"), ("no-end", 512 + 2048, ""),
    ("garbage", None, "invalid tar header"),
])
def test_archives_that_break_off(cp, peer, tmp_path, name, cut, says):  # noqa: F811
    whole = pod_peer.archive(("etc", FILE, b"z" * 2000))
    peer.tars[name] = whole[:cut] if cut else b"tar: no such thing\n" * 100
    done = cp(f"{name}:/etc", "target")
    assert (done.returncode, says in done.stderr) == (1 if says else 0, True), done
    if cut:
        assert "Dropping out copy after 0 retries\n" in done.stdout


def test_a_copy_goes_on_where_it_broke_off(cp, peer, tmp_path):  # noqa: F811
    whole = pod_peer.archive(("etc", FILE, bytes(range(256)) * 40))

    class Parts(dict):
        def __getitem__(self, name):
            head = peer.upgrades()[-1].target
            start = int(head.split("tail+-c%2B")[1].split("&")[0]) if "tail+-c%2B" in head else \
                int(head.split("tail%20-c%2B")[1].split("&")[0])
            return whole[max(start - 1, 0):][:3000]

        def __contains__(self, name):
            return name == "parts"
    peer.tars, before = Parts(), peer.tars
    try:
        done = cp("parts:/etc", "target", "--retries=9")
    finally:
        peer.tars = before
    assert done.returncode == 0 and (tmp_path / "here" / "target").read_bytes() == bytes(range(256)) * 40, done
    assert "Resuming copy at 3000 bytes, retry 1/9\n" in done.stdout
