"""The choice of the applet: by link, by first argument; --list, --install; names that are nearly right."""
import os
import shutil
import subprocess

import pytest

BIN = os.environ.get("MK8S_BIN", "build/mk8s")
STATIC = b"statically linked" in subprocess.run(["ldd", BIN], capture_output=True).stdout


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=30, **options)


def test_list_names_every_applet_in_order():
    got = run(BIN, "--list")
    assert got.returncode == 0 and got.stderr == ""
    names = [line.split()[0] for line in got.stdout.splitlines()]
    assert names == sorted(names)
    assert {"agent", "central", "mk8s"} <= set(names)
    assert all(len(line.split()) > 2 for line in got.stdout.splitlines())


def test_list_reports_a_full_disk():
    with open("/dev/full", "w") as full:
        got = subprocess.run([BIN, "--list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert got.returncode == 1
    assert "No space left" in got.stderr


def test_install_links_and_links_again(tmp_path):
    for _ in range(2):
        got = run(BIN, "--install", tmp_path)
        assert got.returncode == 0, got.stderr
        assert sorted(os.listdir(tmp_path)) == ["1password", "mk8s-agent", "mk8s-central", "mk8s-deploy", "mk8s-op", "op-fetch"]
        assert os.path.samefile(tmp_path / "mk8s-agent", BIN)


@pytest.mark.parametrize("arguments, status, says", [
    ((), 2, "one folder"),
    (("a", "b"), 2, "one folder"),
    (("/nonexistent/folder",), 1, "No such file or directory"),
    (("x" * 4090,), 1, "name too long"),
])
def test_install_refuses(arguments, status, says):
    got = run(BIN, "--install", *arguments)
    assert got.returncode == status
    assert says in got.stderr.replace("Filename", "File name") and got.stdout == ""


def test_install_never_replaces_a_file(tmp_path):
    (tmp_path / "mk8s-agent").write_text("mine")
    got = run(BIN, "--install", tmp_path)
    assert got.returncode == 1
    assert "mk8s-agent: File exists" in got.stderr
    assert (tmp_path / "mk8s-agent").read_text() == "mine"


@pytest.mark.parametrize("link, says", [
    ("mk8s-centrl", "did you mean mk8s-central?"),
    ("mk8s-agnet", "did you mean mk8s-agent?"),
    ("mk8s-zzzzzzzz", "mk8s --list shows them"),
    ("mk8s-", "mk8s --list shows them"),
])
def test_unknown_link_is_refused_with_the_nearest(tmp_path, link, says):
    path = tmp_path / link
    path.symlink_to(os.path.abspath(BIN))
    got = run(path)
    assert got.returncode == 2
    assert got.stderr == f"{link}: there is no applet of this name; {says}\n"


@pytest.mark.parametrize("link", ["central", "mk8s-central", "agent", "mk8s-agent"])
def test_link_and_first_argument_are_the_same_applet(tmp_path, link):
    path = tmp_path / link
    path.symlink_to(os.path.abspath(BIN))
    by_link = run(path, "--no-such-option")
    by_argument = run(BIN, link.removeprefix("mk8s-"), "--no-such-option")
    assert by_link.returncode == by_argument.returncode == 2
    assert "--no-such-option" in by_link.stderr and "--no-such-option" in by_argument.stderr


@pytest.mark.parametrize("word, near", [("clustrs", "clusters"), ("centrl", "central"), ("loign", "login")])
def test_unknown_verb_suggests_the_nearest_verb_or_applet(word, near):
    got = run(BIN, word)
    assert got.returncode == 2
    assert word in got.stderr and near in got.stderr


@pytest.mark.skipif(not STATIC, reason="only the static binary runs without a C library")
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_entrypoint_of_an_empty_chroot(tmp_path):
    shutil.copy(BIN, tmp_path / "mk8s")
    got = run("/mk8s", "--list", preexec_fn=lambda: os.chroot(tmp_path), cwd=tmp_path, env={})
    assert got.returncode == 0, got.stderr
    assert "central" in got.stdout
