"""The table: what was measured beside the figure it is held to."""

from dataclasses import dataclass, field


@dataclass
class Table:
    rows: list = field(default_factory=list)
    # What should have been measured and was not.
    failures: list = field(default_factory=list)

    def add(self, what, figure, ours, kubeadm, ratio="-", held=None):
        """A row; `held` is None where there is no figure."""
        verdict = {None: "-", True: "yes", False: "NO"}[held]
        self.rows.append([what, figure, ours, kubeadm, ratio, verdict])

    def text(self):
        head = ["what", "figure", "worker-bootstrap", "kubeadm 1.20.2", "ratio", "held?"]
        rows = [head, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)


def spread(values, unit, scale=1, digits=1):
    """Median, with least and most in brackets."""
    from statistics import median

    values = [value * scale for value in values]
    return f"{median(values):.{digits}f} {unit} [{min(values):.{digits}f}..{max(values):.{digits}f}]"


def times(ours, theirs):
    """How many times ours kubeadm's is."""
    return f"1 : {theirs / ours:.1f}" if ours > 0 else "-"
