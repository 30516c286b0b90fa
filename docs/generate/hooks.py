"""What MkDocs calls: adds the pages that are made of the code, so that they cannot say anything else than it."""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import rest
import schema
import settings
import sizing

PICTURES = Path(__file__).parents[1] / "images"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the pictures that the README shows too."""
    pages = {
        "reference/settings.md": settings.page(),
        "reference/schema.md": schema.page(),
        **rest.pages(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    for picture in sorted(PICTURES.glob("*.png")):
        files.append(File.generated(config, f"images/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fill the numbers of the sizing page in."""
    return sizing.filled(markdown)
