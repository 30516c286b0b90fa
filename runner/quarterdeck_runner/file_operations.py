"""Work on files of a run: the operations of ``file_ops``.

Everything is written below the workspace, a folder in the run's output folder. What is not there yet is read from the
run's output folder or the pipeline's own, and never changed there.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from quarterdeck_runner.compose import Folders
from quarterdeck_runner.files import MAX_FILE_BYTES, FileError, within, write_output

_MAX_LISTED: Final = 10_000


def operate(kind: str, options: Mapping[str, Any], folders: Folders) -> Any:
    """Do one operation.

    Args:
        kind: which one.
        options: as written, templates filled in.
        folders: where the run reads and writes.

    Returns:
        What there is to say, as JSON knows it.

    Raises:
        FileError: a file is missing, outside, or not what was expected.
    """
    workspace = folders.outputs / folders.workspace
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        if not within(workspace, folders.outputs):
            raise FileError(f"the workspace '{folders.workspace}' leads out of the output folder through a link")
        return _OPERATIONS[kind](options, workspace, folders)
    except OSError as error:
        raise FileError(f"{kind} failed: {error.strerror or error}") from error


def _copy(options: Mapping[str, Any], workspace: Path, folders: Folders) -> Any:
    source, target = _readable(options["source"], workspace, folders), _writable(options["destination"], workspace)
    if source.is_dir():
        raise FileError(f"'{options['source']}' is a folder: files are copied one by one")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    part.replace(target)
    return {
        "operation": "copy",
        "source": options["source"],
        "destination": options["destination"],
        "path": str(target),
    }


def _move(options: Mapping[str, Any], workspace: Path, _: Folders) -> Any:
    source, target = _writable(options["source"], workspace), _writable(options["destination"], workspace)
    if not source.exists():
        raise FileError(f"there is no '{options['source']}' in the workspace: only what is there can be moved")
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    return {
        "operation": "move",
        "source": options["source"],
        "destination": options["destination"],
        "path": str(target),
    }


def _delete(options: Mapping[str, Any], workspace: Path, _: Folders) -> Any:
    target = _writable(options["path"], workspace)
    if not target.exists() and not target.is_symlink():
        raise FileError(f"there is no '{options['path']}' in the workspace: only what is there can be deleted")
    if target.is_dir() and not target.is_symlink():
        raise FileError(f"'{options['path']}' is a folder: files are deleted one by one")
    target.unlink()
    return {"operation": "delete", "path": options["path"]}


def _validate(options: Mapping[str, Any], workspace: Path, folders: Folders) -> Any:
    problems = [problem for rule in options["files"] for problem in _broken(rule, workspace, folders)]
    if problems:
        raise FileError("; ".join(problems))
    return {"operation": "validate", "files": [rule["path"] for rule in options["files"]], "valid": True}


def _broken(rule: Mapping[str, Any], workspace: Path, folders: Folders) -> list[str]:
    path = rule["path"]
    try:
        found = _readable(path, workspace, folders)
    except FileError as error:
        return [str(error)] if rule["must_exist"] else []
    size = found.stat().st_size
    checks = (
        (rule["must_be_file"] and not found.is_file(), f"'{path}' is no file"),
        (rule["must_be_dir"] and not found.is_dir(), f"'{path}' is no folder"),
        (rule["min_size"] is not None and size < rule["min_size"], f"'{path}' has {size} bytes, fewer than asked for"),
        (rule["max_size"] is not None and size > rule["max_size"], f"'{path}' has {size} bytes, more than allowed"),
    )
    return [message for broken, message in checks if broken]


def _list(options: Mapping[str, Any], workspace: Path, folders: Folders) -> Any:
    folder = _readable(options["path"], workspace, folders)
    if not folder.is_dir():
        raise FileError(f"'{options['path']}' is no folder")
    pattern = PurePosixPath(options["pattern"])
    if pattern.is_absolute() or ".." in pattern.parts:
        raise FileError(f"the pattern '{pattern}' must stay in the folder: write it without '..'")
    found = (place for place in folder.glob(str(pattern)) if place.is_file() and within(place, folder))
    names = sorted(str(place.relative_to(folder)) for place, _ in zip(found, range(_MAX_LISTED), strict=False))
    return {"operation": "list", "path": options["path"], "files": names, "count": len(names)}


def _convert(options: Mapping[str, Any], workspace: Path, folders: Folders) -> Any:
    source = _readable(options["source"], workspace, folders)
    _writable(options["destination"], workspace)
    if source.stat().st_size > MAX_FILE_BYTES:
        raise FileError(f"the file '{options['source']}' is larger than {MAX_FILE_BYTES} bytes")
    before, _, after = options["format"].partition("_to_")
    try:
        value = _READERS[before](source.read_text("utf-8"))
        text = _WRITERS[after](value)
    except (ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        raise FileError(f"the file '{options['source']}' is no {before}: {error}") from error
    target = write_output(text, options["destination"], workspace)
    rows = len(value) if isinstance(value, list) else 1
    return {"operation": "convert", "source": options["source"], "path": str(target), "records": rows}


def _readable(written: str, workspace: Path, folders: Folders) -> Path:
    for root in (workspace, folders.outputs, folders.pipeline):
        place = root / _inside(written)
        if place.exists():
            if not within(place, root):
                raise FileError(f"'{written}' leads out of its folder through a link")
            return place
    raise FileError(f"there is no '{written}' in the workspace, the run's output folder or {folders.pipeline}")


def _writable(written: str, workspace: Path) -> Path:
    place = workspace / _inside(written)
    if place == workspace or not within(place.parent, workspace):
        raise FileError(f"'{written}' leads out of the workspace")
    return place


def _inside(written: str) -> PurePosixPath:
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        raise FileError(f"'{written}' must stay in the workspace: write a relative path without '..'")
    return path


def _from_csv(text: str) -> list[dict[str, Any]]:
    return [dict(row) for row in csv.DictReader(io.StringIO(text), strict=True)]


def _to_csv(value: Any) -> str:
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a list of maps was expected")
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({str(name): _cell(cell) for name, cell in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"


def _from_yaml(text: str) -> Any:
    # Aliases can multiply a few bytes into gigabytes.
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
        raise ValueError("aliases are not followed here")
    return yaml.safe_load(text)


_READERS: Final[dict[str, Callable[[str], Any]]] = {"csv": _from_csv, "json": json.loads, "yaml": _from_yaml}
_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "csv": _to_csv,
    "json": _to_json,
    "yaml": lambda value: str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False)),
}
_OPERATIONS: Final[dict[str, Callable[[Mapping[str, Any], Path, Folders], Any]]] = {
    "copy": _copy,
    "stream_copy": _copy,
    "move": _move,
    "delete": _delete,
    "validate": _validate,
    "list": _list,
    "convert": _convert,
}
