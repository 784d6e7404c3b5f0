"""The artifacts of a run: a tree that is read as it is opened, and a preview."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Static, Tree

from heimdall_console.formatting import plain, shortened, size

if TYPE_CHECKING:
    from textual.widgets.tree import TreeNode

_LONGEST_NAME = 60
_LONGEST_LINE = 2000


@dataclass(frozen=True)
class Artifact:
    """A file or folder among the artifacts."""

    path: str
    is_folder: bool
    size_bytes: int | None = None


class ArtifactTree(Horizontal):
    """Tree at the left, preview at the right; what is opened is asked for by messages."""

    HELP: ClassVar[str] = (
        "Files and folders that belong to the run. Enter opens a folder or shows the beginning of "
        "a file; nothing is downloaded that is too large to look at."
    )
    DEFAULT_CSS = """
    ArtifactTree {
        & Tree { width: 40%; background: $background; scrollbar-size: 1 1; }
        & VerticalScroll { width: 1fr; padding: 0 1; background: $surface; scrollbar-size: 1 1; }
        & Static { width: auto; height: auto; }
    }
    """

    class FolderOpened(Message):
        """A folder is to be listed.

        Args:
            path: Of the folder.
        """

        def __init__(self, path: str) -> None:
            self.path = path
            super().__init__()

    class FileChosen(Message):
        """The beginning of a file is to be shown.

        Args:
            path: Of the file.
        """

        def __init__(self, path: str) -> None:
            self.path = path
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: dict[str, TreeNode[Artifact]] = {}
        self._asked: set[str] = set()

    def compose(self) -> ComposeResult:
        """Tree and preview."""
        tree: Tree[Artifact] = Tree(Text("artifacts"), Artifact("", is_folder=True))
        tree.guide_depth = 2
        self._places[""] = tree.root
        yield tree
        with VerticalScroll():
            yield Static("", id="artifact-preview", markup=False)

    def on_mount(self) -> None:
        """Ask for the first folder."""
        self.query_one(Tree).root.expand()

    def forget(self) -> None:
        """Ask for everything again."""
        self._asked.clear()
        root = self._places[""]
        root.remove_children()
        self._places = {"": root}
        self._ask("")

    def show_folder(self, path: str, entries: Sequence[Artifact], left_out: int) -> None:
        """Show what a folder holds."""
        node = self._places.get(path)
        if node is None:
            return
        node.remove_children()
        for entry in entries:
            name = shortened(plain(entry.path.rpartition("/")[2]), _LONGEST_NAME)
            label = Text(name)
            if entry.is_folder:
                self._places[entry.path] = node.add(label, entry)
            else:
                if entry.size_bytes is not None:
                    label.append(f"  {size(entry.size_bytes)}", "dim")
                node.add_leaf(label, entry)
        if not entries:
            node.add_leaf(Text("nothing here", "dim"))
        if left_out:
            node.add_leaf(Text(f"and {left_out:,} more", "dim"))

    def show_note(self, path: str, text: str) -> None:
        """Say why a folder cannot be listed."""
        node = self._places.get(path)
        if node is not None:
            node.remove_children()
            node.add_leaf(Text(plain(text), "dim"))
        # It may be asked for again.
        self._asked.discard(path)

    def show_preview(self, text: str, note: str = "") -> None:
        """Show the beginning of a file."""
        lines = [line[:_LONGEST_LINE] for line in text.splitlines()]
        shown = Text(plain("\n".join(lines), keep_lines=True))
        if note:
            shown.append(("\n\n" if text else "") + plain(note), "dim italic")
        self.query_one("#artifact-preview", Static).update(shown)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def focus_tree(self) -> None:
        """Give the focus to the tree."""
        self.query_one(Tree).focus()

    def _ask(self, path: str) -> None:
        if path not in self._asked:
            self._asked.add(path)
            self.post_message(self.FolderOpened(path))

    @on(Tree.NodeExpanded)
    def _open(self, event: Tree.NodeExpanded[Any]) -> None:
        if isinstance(event.node.data, Artifact):
            self._ask(event.node.data.path)

    @on(Tree.NodeSelected)
    def _choose(self, event: Tree.NodeSelected[Any]) -> None:
        found = event.node.data
        if isinstance(found, Artifact) and not found.is_folder:
            self.post_message(self.FileChosen(found.path))
