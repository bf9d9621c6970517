"""What the course's own code must not do: found by reading it, not by running it.

`findings(source)` names each place that could run what a file or a stranger says, each
model that is loaded in another way than from safetensors, and each module that opens
connections. Names are followed through `import ... as`, and a function that is only
mentioned counts like one that is called.
"""

import ast
import re

# kind of danger -> what is one: a module that is imported, or a name that is used
MODULES = {
    "pickle": {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "jsonpickle",
               "marshal", "shelve"},
    "network": {"aiohttp", "ftplib", "http.client", "httpx", "huggingface_hub", "requests",
                "smtplib", "socket", "urllib.request", "urllib3", "websockets", "xmlrpc"},
}
NAMES = {
    "pickle": {"pandas.read_pickle", "torch.hub.load", "torch.jit.load"},
    "yaml": {"yaml.full_load", "yaml.full_load_all", "yaml.load_all", "yaml.unsafe_load",
             "yaml.unsafe_load_all"},
    "code": {"eval", "exec", "compile", "builtins.eval", "builtins.exec", "builtins.compile",
             "runpy.run_path", "code.InteractiveInterpreter"},
    "shell": {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
              "asyncio.create_subprocess_shell"},
}
STARTS = {f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")}
NO_WEIGHTS = ("Tokenizer", "TokenizerFast", "Config")  # such a class loads none


def findings(source: str, notebook: bool = False) -> list[tuple[int, str, str]]:
    """(line, kind, the line's text) of each danger, in order."""
    lines = source.splitlines()
    found = set()
    if notebook:
        found |= {(number, "shell") for number, line in enumerate(lines, start=1)
                  if re.match(r"\s*(!|%%?(sh|bash|system)\b)", line)}
        lines = ["pass" if re.match(r"[!%]", line) else line for line in lines]
    tree = ast.parse("\n".join(lines))
    found |= set(_Reader(tree).found)
    return [(line, kind, source.splitlines()[line - 1].strip()) for line, kind in sorted(found)]


def addresses(source: str) -> set[str]:
    """The hosts that the strings of a program name; what documents it does not count."""
    tree = ast.parse(source)
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)
               and isinstance(node.value, str) and id(node) not in remarks]
    address = re.compile(r"\b(?:https?|wss?|ftp)://([\w.-]*)")
    return {host for text in strings for host in address.findall(text)}


class _Reader:
    """Reads one program; `found` holds (line, kind)."""

    def __init__(self, tree: ast.Module):
        self.found, self.imported = [], {}
        nodes = list(ast.walk(tree))
        # A name that the program gives to something of its own is not the built-in one.
        self.own = {node.arg for node in nodes if isinstance(node, ast.arg)}
        self.own |= {node.id for node in nodes
                     if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        self.called = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self.read_import(node)
        for node in nodes:
            if isinstance(node, (ast.Name, ast.Attribute)):
                self.read_name(node)
            elif isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                self.read_trust(node.value)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values):
                    if isinstance(key, ast.Constant) and key.value == "trust_remote_code":
                        self.read_trust(value)

    def add(self, node: ast.AST, kind: str) -> None:
        self.found.append((node.lineno, kind))

    def read_import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = getattr(node, "module", None)
        for alias in node.names:
            full = f"{module}.{alias.name}" if module else alias.name
            known = alias.asname or (alias.name if module else alias.name.split(".")[0])
            self.imported[known] = full if module or alias.asname else known
            for kind, modules in MODULES.items():
                if any(full == m or full.startswith(f"{m}.") for m in modules):
                    self.add(node, kind)

    def name(self, node: ast.AST) -> str:
        """The full name of what an expression refers to: `np.load` is numpy.load."""
        if isinstance(node, ast.Attribute):
            return f"{self.name(node.value)}.{node.attr}"
        if isinstance(node, ast.Name):
            if node.id in self.imported:
                return self.imported[node.id]
            return f"own.{node.id}" if node.id in self.own else node.id
        return "?"

    def read_name(self, node: ast.Name | ast.Attribute) -> None:
        name, call = self.name(node), self.called.get(id(node))
        keywords = {k.arg: k.value for k in call.keywords} if call else None
        for kind, names in NAMES.items():
            if name in names:
                self.add(node, kind)
        if name == "torch.load" and not (call and _is(keywords.get("weights_only"), True)):
            self.add(node, "pickle")
        if name == "numpy.load" and not (call and _is(keywords.get("allow_pickle"), False, True)):
            self.add(node, "pickle")
        if name == "yaml.load":
            loader = call and (keywords.get("Loader") or (call.args[1:2] or [None])[0])
            if not re.fullmatch(r"yaml\.C?SafeLoader", self.name(loader)):
                self.add(node, "yaml")
        if name in STARTS and not (call and _is(keywords.get("shell"), False, True)):
            self.add(node, "shell")
        if isinstance(node, ast.Attribute) and node.attr == "from_pretrained":
            loads_none = self.name(node.value).endswith(NO_WEIGHTS)
            if not loads_none and not (call and _is(keywords.get("use_safetensors"), True)):
                self.add(node, "weights")

    def read_trust(self, value: ast.AST) -> None:
        if not _is(value, False):
            self.add(value, "trust")


def _is(node: ast.AST | None, value: bool, or_absent: bool = False) -> bool:
    """Whether an argument is this very constant, or not given where that will do."""
    return or_absent if node is None else isinstance(node, ast.Constant) and node.value is value
