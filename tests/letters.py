"""A small tokenizer for the tests of BertViz's views."""


class Letters:
    """A tokenizer of single characters, with what BertViz asks of one."""

    cls_token, sep_token = "[CLS]", "[SEP]"

    def tokenize(self, text):
        return list(text)

    def convert_tokens_to_ids(self, tokens):
        return [ord(token) % 60 if len(token) == 1 else len(token) for token in tokens]
