"""Lint checks that read sources: each check_* yields sentences, one a violation; warn_* only warns.

Run as `python3 tests/lint/source.py`; prints `ok NAME` or `not ok NAME` after the violations of each.
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

PRODUCT = sorted([Path("main.c"), *Path("applets").rglob("*.[ch]"), *Path("lib").rglob("*.[ch]")])
SIMULATOR = sorted(Path("tests/kubesim").rglob("*.[ch]"))
TESTS = sorted([*Path("tests/unit").rglob("*.[ch]"), *Path("tests/fuzz").rglob("*.[ch]")])
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".mk", ".md", ".proto", ".yaml", ".yml", ".json", ".txt", ".lock", ".go",
                 ".mod", "", ".1", ".5", ".7", ".8"}

# A room may include rooms of a lower rank and itself. Crypto may use format too: a JWT is JSON in base64.
SUBJECTS = ("gate", "pullsecret", "clusters", "rollout", "assess")
RANK = {"base": 1, "format": 2, "crypto": 2, "store": 2, "net": 3, "kube": 4, **dict.fromkeys(SUBJECTS, 5)}
SIDEWAYS = {("crypto", "format")}
APPLETS_RANK = 6

# Which files may include a library's header. The agent's messages are generated from proto/.
OWNERS = [
    (r"(mbedtls|psa)/", r"lib/crypto/|lib/net/tls"),
    (r"sqlite3\.h", r"lib/store/"),
    (r"(curl|nghttp2)/|llhttp\.h|uv\.h|uv/|zlib\.h", r"lib/net/"),
    (r"cjson/|cJSON\.h|yaml\.h", r"lib/format/"),
    (r"protobuf-c/", r"lib/net/grpc"),
    (r"gen/", r"lib/net/grpc|lib/gate/|applets/"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
SECRET_CALL = re.compile(r"\b(memcmp|memset)\s*\([^;]*(secret|password|passphrase|token|private|hmac|_mac\b)", re.I)
# Written so that the patterns do not match this file.
PRIVATE_NAMES = re.compile(r"deb[.]debian[.]org|snapshot[.]debian|proxy[.]golang[.]org|registry[.]npmjs|pypi[.]org"
                           r"|crates[.]io|repo1?[.]maven|(?<![\w.-])/(work|tmp/team)/")


def code_only(text):
    """The text with comments and string contents blanked, line for line."""
    def blank(match):
        piece = match.group(0)
        return '""' if piece[0] == '"' else re.sub(r"[^\n]", " ", piece)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', blank, text, flags=re.S)


def rank_of(path):
    parts = path.split("/")
    if parts[0] == "lib":
        return RANK.get(parts[1])
    return APPLETS_RANK


def check_rooms():
    for path in PRODUCT + SIMULATOR:
        for kind, name in INCLUDE.findall(path.read_text()):
            if kind == "<" or name.startswith("gen/"):
                continue
            if not Path(name).is_file():
                yield f"{path}: \"{name}\" is not a path from the project's root"
            elif path.parts[0] == "lib":
                here, there = path.parts[1], name.split("/")[1] if name.startswith("lib/") else "applets"
                if rank_of(str(path)) is None:
                    yield f"{path}: lib/{here} is not a known room"
                elif here != there and (here, there) not in SIDEWAYS and (
                        rank_of(name) is None or rank_of(name) >= rank_of(str(path))):
                    yield f"{path}: includes {name}, which is not below lib/{here}"
            elif path.parts[0] == "main.c" and not name.startswith("applets/"):
                yield f"{path}: includes {name}; main only chooses the applet"
            elif path.parts[0] == "applets" and name.startswith("tests/"):
                yield f"{path}: includes {name}"


def check_library_headers():
    for path in PRODUCT + SIMULATOR:
        for _, name in INCLUDE.findall(path.read_text()):
            for pattern, owner in OWNERS:
                simulator_gen = pattern == "gen/" and path in SIMULATOR
                if re.match(pattern, name) and not re.match(owner, str(path)) and not simulator_gen:
                    yield f"{path}: <{name}> belongs to {owner}"


def functions():
    """(path, name, lines of code) of every function, by universal-ctags."""
    tags = subprocess.run(["ctags", "-o", "-", "--languages=C", "--langmap=C:+.h", "--kinds-C=f", "--fields=ne", "-u",
                           *map(str, PRODUCT + SIMULATOR + TESTS)], capture_output=True, text=True, check=True).stdout
    code = {}
    for row in tags.splitlines():
        fields = row.split("\t")
        start, end = re.search(r"\tline:(\d+)", row), re.search(r"\tend:(\d+)", row)
        if row.startswith("!") or not start or not end:
            continue
        path = fields[1]
        if path not in code:
            code[path] = code_only(Path(path).read_text()).split("\n")
        body = code[path][int(start[1]) - 1:int(end[1])]
        yield path, fields[0], sum(1 for line in body if line.strip())


def check_function_length():
    for path, name, length in functions():
        if length > 60:
            yield f"{path}: {name} has {length} lines; at most 60"


def warn_function_length():
    for path, name, length in functions():
        if 30 < length <= 60:
            yield f"{path}: {name} has {length} lines; aim for 30"


def file_lengths():
    """Rows that a program wrote are data: they are as many as they are."""
    for path in PRODUCT + SIMULATOR + TESTS:
        if "Generated by" not in path.read_text()[:400]:
            yield path, path.read_text().count("\n")


def check_file_length():
    return (f"{path}: {length} lines; at most 600" for path, length in file_lengths() if length > 600)


def warn_file_length():
    return (f"{path}: {length} lines; aim for 300" for path, length in file_lengths() if 300 < length <= 600)


def check_line_length():
    """Columns, with a tab as four: no line of ours should wrap in a reviewer's half screen."""
    for path in PRODUCT + SIMULATOR + TESTS:
        for number, line in enumerate(path.read_text().split("\n"), 1):
            if len(line.expandtabs(4)) > 120:
                yield f"{path}:{number}: {len(line.expandtabs(4))} columns; at most 120"


def warn_line_length():
    for path in PRODUCT + SIMULATOR + TESTS:
        over = sum(len(line.expandtabs(4)) > 100 for line in path.read_text().split("\n"))
        if over:
            yield f"{path}: {over} lines over 100 columns"


def check_file_head():
    for path in PRODUCT + SIMULATOR + TESTS:
        if not path.read_text().startswith("/*"):
            yield f"{path}: does not begin with a comment that says what the file is"


def check_secret_calls():
    """Secrets are compared and wiped by lib/base/secret alone; `public` on the line says that these bytes are none."""
    for path in PRODUCT:
        if str(path).startswith("lib/base/secret"):
            continue
        text = path.read_text()
        for number, (line, raw) in enumerate(zip(code_only(text).split("\n"), text.split("\n")), 1):
            if SECRET_CALL.search(line) and "public" not in raw:
                yield f"{path}:{number}: {line.strip()}: secrets go through lib/base/secret"


def check_banned_words():
    """What the compiler inlines never shows in nm: alloca; and // comments, TODO without an end."""
    for path in PRODUCT + SIMULATOR:
        text = path.read_text()
        for number, (line, raw) in enumerate(zip(code_only(text).split("\n"), text.split("\n")), 1):
            if re.search(r"\balloca\s*\(|\btypedef\s+struct\b", line) or re.search(r"\b(TODO|FIXME|XXX)\b", raw):
                yield f"{path}:{number}: {raw.strip()}"


def check_manuals():
    rows = re.findall(r"^\s*X\((\w+),", Path("applets/applet.h").read_text(), re.M)
    for name in rows:
        page = Path("man/mk8s.1" if name == "mk8s" else f"man/mk8s-{name}.8")
        if not page.is_file():
            yield f"applet {name} has no manual page {page}"


def file_names():
    """What git knows; in an unpacked archive, or without git, all that is there."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return map(str, Path(".").rglob("*"))
    return listed.stdout.split("\0")


def text_files():
    for name in file_names():
        path = Path(name)
        if name and path.is_file() and path.suffix in TEXT_SUFFIXES and path.parts[0] not in ("build", ".git"):
            if "corpus" not in path.parts:
                yield path


def read_text(path):
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def check_trailing_space():
    for path in text_files():
        text = read_text(path)
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield f"{path}:{number}: space at the end of the line"
        if text and not text.endswith("\n"):
            yield f"{path}: the last line has no end"


def check_private_names():
    for path in text_files():
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if PRIVATE_NAMES.search(line):
                yield f"{path}:{number}: names a mirror host or a folder of one machine"


def top_names(tree):
    """Functions, classes and variables of a Python module, in order, with their lines."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node.lineno
        elif isinstance(node, ast.Assign):
            yield from ((target.id, node.lineno) for target in node.targets if isinstance(target, ast.Name))


def check_names_once():
    """The second of a name takes the first's place: a test of two that are called the same never runs."""
    for path in sorted(Path("tests").rglob("*.py")):
        lines = {}
        for name, line in top_names(ast.parse(path.read_text())):
            if name in lines:
                yield f"{path}:{line}: {name} is there already, at line {lines[name]}"
            lines[name] = line


def main():
    for name, check in sorted(globals().items()):
        if name.startswith("warn_"):
            found = list(check())
            for sentence in found[:10]:
                print(f"  note: {sentence}")
            if len(found) > 10:
                print(f"  note: {name[5:]}: {len(found) - 10} more")
        elif name.startswith("check_"):
            found = list(check())
            for sentence in found:
                print(f"  {sentence}")
            print(("not ok " if found else "ok ") + name[6:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
