"""What the course's own code must not do: found by reading it, not by running it.

`findings(source)` names each place that could run what a file or a stranger says, each
model that is loaded in another way than from safetensors, and each module that opens
connections. Names are followed through `import ... as`, `getattr` and `import_module`,
and a function that is only mentioned counts like one that is called. It finds what is
written plainly, not what is hidden: a name that is put together is no name to it.
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
    "pickle": {"pandas.read_pickle", "torch.hub.load", "torch.hub.load_state_dict_from_url",
               "torch.jit.load"},
    "yaml": {"yaml.full_load", "yaml.full_load_all", "yaml.load_all", "yaml.unsafe_load",
             "yaml.unsafe_load_all"},
    "code": {"eval", "exec", "compile", "builtins.eval", "builtins.exec", "builtins.compile",
             "runpy.run_path", "code.InteractiveInterpreter"},
    "shell": {"os.system", "os.popen", "os.startfile", "os.posix_spawn", "os.posix_spawnp",
              *(f"os.{way}{end}" for way in ("exec", "spawn")
                for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
              "subprocess.getoutput", "subprocess.getstatusoutput",
              "asyncio.create_subprocess_shell",
              *(f"{place}get_ipython().{name}" for place in ("", "IPython.")
                for name in ("system", "getoutput", "run_cell", "run_cell_magic",
                             "run_line_magic"))},
}
TORCH_LOAD = {"torch.load", "torch.serialization.load"}
STARTS = {f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")}
# name -> kind; what is harmless with the right arguments, and with that all others
BY_ARGUMENTS = {**dict.fromkeys(TORCH_LOAD | {"numpy.load"}, "pickle"), "yaml.load": "yaml",
                **dict.fromkeys(STARTS, "shell")}
KINDS = BY_ARGUMENTS | {name: kind for kind, names in NAMES.items() for name in names}
SAFE_LOADERS = ("yaml.SafeLoader", "yaml.CSafeLoader")
IMPORTS = {"__import__", "builtins.__import__", "importlib.import_module"}
MAGICS = r"sx|sc|system|sh|bash|script|perl|ruby|pypy|python\d?"  # of IPython
NO_WEIGHTS = ("Tokenizer", "TokenizerFast", "Config")  # such a class loads none


def findings(source: str, notebook: bool = False) -> list[tuple[int, str, str]]:
    """(line, kind, the line's text) of each danger, in order."""
    lines = source.splitlines()
    found = set()
    if notebook:
        found |= {(number, "shell") for number, line in enumerate(lines, start=1)
                  if re.match(rf"\s*(!|%%?({MAGICS})\b)", line)}
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
        self.found, self.imported, self.own = [], {}, set()
        nodes = list(ast.walk(tree))
        # Within a function, a name that it gives to an argument is not the built-in one.
        for function in nodes:
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                arguments = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
                body = function.body if isinstance(function.body, list) else [function.body]
                self.own |= {id(node) for part in body for node in ast.walk(part)
                             if isinstance(node, ast.Name) and node.id in arguments}
        self.called = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self.read_import(node)
        for node in nodes:
            if isinstance(node, (ast.Name, ast.Attribute, ast.Call)):
                self.read_name(node)
            for name, value in _settings(node):
                if name == "trust_remote_code" and not _is(value, False):
                    self.add(value, "trust")

    def add(self, node: ast.AST, kind: str) -> None:
        self.found.append((node.lineno, kind))

    def read_import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = getattr(node, "module", None)
        for alias in node.names:
            full = f"{module}.{alias.name}" if module else alias.name
            known = alias.asname or (alias.name if module else alias.name.split(".")[0])
            self.imported[known] = full if module or alias.asname else known
            self.read_module(node, full)
            if alias.name == "*":  # whatever is dangerous there now has a name of its own
                for name, kind in KINDS.items():
                    if name.rpartition(".")[0] == module:
                        self.add(node, kind)

    def read_module(self, node: ast.AST, module: str) -> None:
        for kind, modules in MODULES.items():
            if any(module == m or module.startswith(f"{m}.") for m in modules):
                self.add(node, kind)

    def name(self, node: ast.AST) -> str:
        """The full name of what an expression refers to: `np.load` is numpy.load."""
        if isinstance(node, ast.Attribute):
            return f"{self.name(node.value)}.{node.attr}"
        if isinstance(node, ast.Name):
            if node.id in self.imported:
                return self.imported[node.id]
            return f"own.{node.id}" if id(node) in self.own else node.id
        if isinstance(node, ast.Call):
            name, texts = self.name(node.func), [getattr(one, "value", None) for one in node.args]
            if name == "getattr" and len(texts) > 1 and isinstance(texts[1], str):
                return f"{self.name(node.args[0])}.{texts[1]}"
            if name in IMPORTS and texts and isinstance(texts[0], str):
                return texts[0]
            return f"{name}()"
        return "?"

    def read_name(self, node: ast.Name | ast.Attribute | ast.Call) -> None:
        name, call = self.name(node), self.called.get(id(node))
        if isinstance(node, ast.Call) and self.name(node.func) in IMPORTS:
            self.read_module(node, name)
        if name in KINDS and not (name in BY_ARGUMENTS and call and self.is_safe(name, call)):
            self.add(node, KINDS[name])
        if name in MODULES["network"] and "." in name:  # known without its own import
            self.add(node, "network")
        if name.endswith(".from_pretrained"):
            loads_none = name.removesuffix(".from_pretrained").endswith(NO_WEIGHTS)
            if not loads_none and not (call and _is(_argument(call, "use_safetensors"), True)):
                self.add(node, "weights")

    def is_safe(self, name: str, call: ast.Call) -> bool:
        """Whether the arguments of a call make it harmless."""
        if name in TORCH_LOAD:
            return _is(_argument(call, "weights_only"), True)
        if name == "numpy.load":
            return _is(_argument(call, "allow_pickle", 2), False, True)
        if name == "yaml.load":
            return self.name(_argument(call, "Loader", 1)) in SAFE_LOADERS
        return _is(_argument(call, "shell", 8), False, True)


def _settings(node: ast.AST) -> list[tuple[str, ast.AST]]:
    """(name, value) of what is given by name here: an argument, or an entry of a dict."""
    if isinstance(node, ast.keyword):
        return [(node.arg, node.value)]
    if isinstance(node, ast.Dict):
        return [(getattr(key, "value", None), value) for key, value in zip(node.keys, node.values)]
    if isinstance(node, ast.Assign):
        places = [one.slice for one in node.targets if isinstance(one, ast.Subscript)]
        return [(getattr(place, "value", None), node.value) for place in places]
    return []


def _argument(call: ast.Call, name: str, place: int | None = None) -> ast.AST | None:
    """An argument by its name or its place; what is spread may hold it, and stands for it."""
    given = {}
    for keyword in call.keywords:
        spread = keyword.arg is None and isinstance(keyword.value, ast.Dict)
        given |= _settings(keyword.value if spread else keyword)
    if place is not None:
        before = [one for one in call.args[:place + 1] if isinstance(one, ast.Starred)]
        if found := before or call.args[place:place + 1]:
            return found[0]
    return given.get(name, given.get(None))


def _is(node: ast.AST | None, value: bool, or_absent: bool = False) -> bool:
    """Whether an argument is this very constant, or not given where that will do."""
    return or_absent if node is None else isinstance(node, ast.Constant) and node.value is value
