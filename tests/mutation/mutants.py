# SPDX-License-Identifier: Apache-2.0
"""The rules by which sources are changed, on the level of tokens.

An operator with a space on either side is a binary one (clang-format sees to that): `a < b` becomes `a < Op<n>() < b`,
which keeps its place in the order of evaluation. Only bodies of functions are changed. What does not compile is found by
the compiler, on lines of its own.
"""
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<raw>R"(?P<delim>[^()\\\s]{0,16})\(.*?\)(?P=delim)")
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
  | (?P<char>'(?:\\.|[^'\\\n])+')
  | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\\n|\\.)*)
  | (?P<number>\.?[0-9](?:'?[0-9a-zA-Z_.]|(?<=[eEpP])[+-])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<op><=>|<<=|>>=|->\*|\.\.\.|::|->|\+\+|--|<=|>=|==|!=|&&|\|\||\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<|[-+*/%^&|~!=<>?:;,.(){}\[\]])
""", re.X | re.S | re.M)


class Token:
    __slots__ = ("kind", "text", "start", "end")

    def __init__(self, kind, text, start, end):
        self.kind, self.text, self.start, self.end = kind, text, start, end


def tokens_of(text):
    found = []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "delim" else "raw"
        if kind not in ("comment", "directive"):
            found.append(Token(kind, match.group(), match.start(), match.end()))
    return found


NAMED = {"<": ("Less", "<"), "<=": ("LessEqual", "<"), ">": ("Greater", "<"), ">=": ("GreaterEqual", "<"),
         "==": ("Equal", "=="), "!=": ("Unequal", "=="), "+": ("Plus", "+"), "-": ("Minus", "+"),
         "*": ("Times", "*"), "/": ("Over", "*")}
BECOMES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "/", "/": "*",
           "&&": "||", "||": "&&", "+=": "-=", "-=": "+="}
NOT_A_STATEMENT = {
    "return", "if", "for", "while", "do", "switch", "case", "default", "break", "continue", "using", "const", "constexpr",
    "auto", "static", "struct", "class", "template", "typedef", "namespace", "public", "private", "protected", "else",
    "try", "catch", "delete", "goto", "static_assert", "inline", "extern", "friend", "explicit", "virtual", "enum",
    "co_return", "co_await", "volatile", "unsigned", "signed", "int", "bool", "double", "float", "char", "long", "void",
    "thread_local", "alignas", "asm", "consteval", "constinit", "throw"}
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}


class Mutant:
    """One change: `edits` are (start, end, text with @ for the number)."""

    def __init__(self, file, text, position, rule, edits):
        line_start = text.rfind("\n", 0, position) + 1
        line_end = text.find("\n", position)
        self.file, self.rule, self.edits = file, rule, edits
        self.line = text.count("\n", 0, position) + 1
        self.column = position - line_start + 1
        self.source = text[line_start:line_end if line_end >= 0 else len(text)].strip()
        self.id = self.repeated = 0
        self.occurrence = 1  # among those of its rule on its line

    def key(self):
        again = f"|{self.repeated + 1}" if self.repeated else ""
        return f"{self.file}|{self.source}|{self.column}|{self.rule}{again}"

    def room(self):
        return room_of(self.file)


def room_of(file):
    parts = file.split("/")
    return parts[1] if len(parts) > 2 else "files at the top"


def matching(tokens, i, opening, closing):
    depth = 0
    for j in range(i, len(tokens)):
        if tokens[j].text == opening:
            depth += 1
        elif tokens[j].text == closing:
            depth -= 1
            if depth == 0:
                return j
    return len(tokens) - 1


class Scanner:
    """Walks over the tokens of one file and knows where a function's body is."""

    def __init__(self, file, text):
        self.file, self.text = file, text
        self.tokens = tokens_of(text)
        self.mutants = []
        self.scopes = [("namespace", 0, "")]  # kind, depth of parentheses, what heads it
        self.depth = 0
        self.skip_to = -1  # a constant expression ends there
        self.header = 0    # the token behind the last ; { or }

    def add(self, position, rule, *edits):
        self.mutants.append(Mutant(self.file, self.text, position, rule, list(edits)))

    def scan(self):
        tokens = self.tokens
        for i, token in enumerate(tokens):
            kind, depth, head = self.scopes[-1]
            if token.text in "([":
                self.depth += 1
            elif token.text in (")", "]"):
                self.depth -= 1
            elif token.text == "{":
                scope = self.scope_of(i)
                self.scopes.append((scope[0], self.depth, scope[1]))
                if scope == ("code", "function"):
                    self.return_early(i)
            elif token.text == "}":
                if len(self.scopes) > 1:
                    self.depth = self.scopes.pop()[1]
            in_code = any(s[0] == "code" for s in self.scopes)
            if in_code and i > self.skip_to:
                self.statement(i)
                self.expression(i)
            if token.text in (";", "{", "}") and self.depth == self.scopes[-1][1]:
                self.header = i + 1
        return self.mutants

    def scope_of(self, i):
        tokens = self.tokens
        before = tokens[i - 1].text if i > 0 else ";"
        parent = self.scopes[-1][0]
        header = [t.text for t in tokens[self.header:i]] if self.depth == self.scopes[-1][1] else []
        if parent == "enum":
            return "init", ""
        if header and parent in ("namespace", "class"):
            if "enum" in header:
                return "enum", ""
            if "namespace" in header or header[0] == "extern" and "(" not in header:
                return "namespace", ""
            if ("struct" in header or "class" in header or "union" in header) and "(" not in header:
                return "class", ""
        if parent == "code" and header and header[0] in ("struct", "class", "union") and "(" not in header:
            return "class", ""
        if before in (")", "]", "else", "do", "try", "const", "noexcept", "override", "final", "mutable"):
            first = header[0] if header else ""
            if before == "]" or self.is_lambda(i):
                return "code", "lambda"
            if parent == "code":
                return "code", first if first in ("if", "for", "while", "switch", "else", "do", "try") else "block"
            if before == "]" and parent != "code":
                return "init", ""
            return "code", "function"
        if before in (";", "{", "}") or (before == ":" and parent == "code"):
            return (parent if parent in ("code", "init") else "code"), "block"
        if "->" in header or (before not in ("=", ",", "(", "return", "?", ":") and self.is_lambda(i)):
            if parent == "code" or self.is_lambda(i):
                return "code", "lambda"
            return "code", "function"
        return "init", ""

    def is_lambda(self, i):
        """Whether the brace at i opens the body of [...](...) {: looks back over the parameters."""
        tokens, j = self.tokens, i - 1
        while j > 0 and tokens[j].text not in (")", ";", "{", "}", "]"):
            j -= 1
        if tokens[j].text == "]":
            return True
        if tokens[j].text != ")":
            return False
        depth = 0
        while j > 0:
            depth += (tokens[j].text == ")") - (tokens[j].text == "(")
            if depth == 0:
                break
            j -= 1
        return j > 0 and (tokens[j - 1].text == "]" or
                          (tokens[j - 1].text == ">" and "]<" in self.text[max(0, tokens[j].start - 60):tokens[j].start]))

    def return_early(self, i):
        header = self.tokens[self.header:i]
        words = [t.text for t in header]
        if "(" not in words or "operator" in words or "constexpr" in words or "noreturn" in words:
            return
        if words[0] == "template":
            end = matching(self.tokens, self.header + 1, "<", ">") - self.header
            words = words[end + 1:]
            if "(" not in words:
                return
        name = words.index("(")
        front = [w for w in words[:name] if w not in ("inline", "static", "virtual", "explicit")]
        if not front or "auto" in front:
            return
        # Up to the function's qualified name: what stands before it is the type.
        k = len(front) - 1
        while k >= 2 and front[k - 1] == "::":
            k -= 2
        kind = front[:k]
        if kind and kind[-1] in ("&", "*"):
            return
        text = "return;" if not kind or kind == ["void"] or "~" in front else "return {};"
        position = self.tokens[i].end
        self.add(self.tokens[self.header].start, "return early",
                 (position, position, f" if (assay_mutation::on(@)) {text} "))

    def starts_statement(self, i):
        kind, depth, _ = self.scopes[-1]
        if kind != "code" or self.depth != depth or i == 0:
            return False
        before = self.tokens[i - 1].text
        if before in (";", "{", "}", "else", "do"):
            return before != "}" or self.tokens[i].kind != "op" or self.tokens[i].text in ("*", "++", "--", "(")
        if before != ")":
            return False
        opening, depth = i - 1, 0
        while opening > 0:
            depth += (self.tokens[opening].text == ")") - (self.tokens[opening].text == "(")
            if depth == 0:
                break
            opening -= 1
        head = self.tokens[opening - 1].text if opening > 0 else ""
        if head == "constexpr":
            return False
        return head in ("if", "for", "while")

    def statement(self, i):
        token = self.tokens[i]
        if token.text in ("constexpr", "static_assert", "case", "using", "requires", "concept", "consteval", "template"):
            if not (token.text == "constexpr" and self.tokens[i - 1].text == "if"):
                end = i
                while end < len(self.tokens) and self.tokens[end].text not in (";", "{", ":"):
                    end += 1
                self.skip_to = end
            else:
                self.skip_to = matching(self.tokens, i + 1, "(", ")")
            return
        if token.text in ("if", "while") and i + 1 < len(self.tokens) and self.tokens[i + 1].text == "(":
            end = matching(self.tokens, i + 1, "(", ")")
            inside = [t.text for t in self.tokens[i + 2:end]]
            if inside and ";" not in inside and "=" not in inside:
                at = self.tokens[i + 1].end
                self.add(self.tokens[i].start, f"{token.text} (!…)", (at, at, "assay_mutation::negate(@)("),
                         (self.tokens[end].start, self.tokens[end].start, ")"))
        if not self.starts_statement(i):
            return
        end, depth = i, 0
        while end < len(self.tokens):
            text = self.tokens[end].text
            if text in "([{":
                depth += 1
            elif text in ")]}":
                depth -= 1
            elif text == ";" and depth == 0:
                break
            if depth < 0:
                return
            end += 1
        if end >= len(self.tokens) or not self.is_expression(i, end):
            return
        rule = "drop a throw" if token.text == "throw" else "drop a statement"
        self.add(token.start, rule, (token.start, token.start, "{ if (!assay_mutation::on(@)) "),
                 (self.tokens[end].end, self.tokens[end].end, " }"))

    def is_expression(self, i, end):
        tokens = self.tokens
        if tokens[i].text == "throw":  # only where something comes after it, or the function would end without a value
            return tokens[i - 1].text == ")" or self.scopes[-1][2] == "if"
        if tokens[i].kind != "word" and tokens[i].text not in ("*", "++", "--", "("):
            return False
        if tokens[i].text in NOT_A_STATEMENT:
            return False
        depth, called, changed = 0, False, tokens[i].text in ("++", "--")
        for j in range(i, end):
            text = tokens[j].text
            if depth == 0 and text in ASSIGNMENTS:
                return True
            if depth == 0 and text in ("++", "--"):
                changed = True
            if depth == 0 and j > i and tokens[j].kind == "word":
                before = tokens[j - 1]
                spaced = self.text[before.end:tokens[j].start] != ""
                if before.kind == "word" or (before.text in (">", "&", "*", "&&") and spaced):
                    return False  # a declaration
            if text in "([{":
                called |= depth == 0 and text == "("
                depth += 1
            elif text in ")]}":
                depth -= 1
        return called or changed

    def joins_text(self, i):
        """Whether one of the summands is a string literal: there is nothing to subtract."""
        for step in (-1, 1):
            depth, j = 0, i + step
            while 0 <= j < len(self.tokens):
                token = self.tokens[j]
                depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
                if depth * step < 0 or (depth == 0 and token.text in (",", ";", "=", "return", "?", ":", "{", "}")):
                    break
                if depth == 0 and token.kind in ("string", "char", "raw"):
                    return True
                if depth == 0 and token.text == "to_string":
                    return True
                j += step
        return False

    def expression(self, i):
        token, text = self.tokens[i], self.text
        before = self.tokens[i - 1]
        if token.kind == "op" and token.text in BECOMES:
            spaced = text[token.start - 1] in " \n" and text[token.end:token.end + 1] in (" ", "\n")
            operand = before.kind in ("word", "number", "string", "char") or before.text in (")", "]", "}")
            if not spaced or not operand or before.text in ("return", "case", "operator", "auto"):
                return
            if token.text in ("+", "+=") and self.joins_text(i):
                return
            rule = f"{token.text} → {BECOMES[token.text]}"
            if token.text in NAMED:
                name, kind = NAMED[token.text]
                new = f"{kind} assay_mutation::{name}<@>() {kind}"
            elif token.text == "&&":
                new = "| assay_mutation::AndLeft<@>() && assay_mutation::AndRight<@>() |"
            elif token.text == "||":
                new = "& assay_mutation::OrLeft<@>() || assay_mutation::OrRight<@>() &"
            else:
                new = f"+= assay_mutation::{'AddTo' if token.text == '+=' else 'TakeFrom'}<@>() +="
            self.add(token.start, rule, (token.start, token.end, new))
        elif token.kind == "number":
            if before.text in ("<", "[", "case") and text[token.start - 1] != " " and before.text != "[":
                return
            other = other_number(token.text)
            if other:
                self.add(token.start, f"{token.text} → {other}",
                         (token.start, token.end, f"(assay_mutation::on(@) ? {other} : {token.text})"))
        elif token.text in ("true", "false"):
            other = "false" if token.text == "true" else "true"
            self.add(token.start, f"{token.text} → {other}",
                     (token.start, token.end, f"(assay_mutation::on(@) ? {other} : {token.text})"))


def other_number(text):
    plain = text.replace("'", "")
    if re.fullmatch(r"0|[1-9][0-9]*", plain):
        return str(int(plain) + 1)
    if re.fullmatch(r"[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?", plain) and plain not in (".", ""):
        value = float(plain)
        return repr(2 * value) if value else "1.0"
    return None


def mutants_of(path):
    file = str(path.relative_to(ROOT))
    mutants, times, on_line = Scanner(file, path.read_text()).scan(), defaultdict(int), defaultdict(int)
    for mutant in sorted(mutants, key=lambda m: (m.line, m.column)):
        on_line[mutant.line, mutant.rule] += 1
        mutant.occurrence = on_line[mutant.line, mutant.rule]
    for mutant in mutants:  # equal lines
        key = mutant.key()
        mutant.repeated = times[key]
        times[key] += 1
    return mutants


def mutated(text, mutants):
    """The text with all mutants in it, each on lines of its own, and which mutants stand on a line."""
    edits = []
    for mutant in mutants:
        for order, (start, end, new) in enumerate(mutant.edits):
            # Of insertions at one place the wider construct's stands outside.
            edits.append((start, start != end, -mutant.edits[-1][1] if order == 0 else mutant.edits[0][0], end,
                          new.replace("@", str(mutant.id)), mutant.id))
    edits.sort(key=lambda e: e[:3])
    out, lines, at, line = [], defaultdict(set), 0, 1
    for start, _, _, end, new, number in edits:
        piece = text[at:start] + "\n"
        out.append(piece)
        line += piece.count("\n")
        for near in (line - 1, line, line + 1):
            lines[near].add(number)
        out.append(new + "\n")
        line += new.count("\n") + 1
        at = end
    out.append(text[at:])
    return "".join(out), lines
