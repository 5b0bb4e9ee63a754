"""The letters of columns as spreadsheets count them: A, Z, AA."""


def letters_of(at: int) -> str:
    """The letters of a column counted from 0."""
    before, letter = divmod(at, 26)
    return (letters_of(before - 1) if before else "") + chr(ord("A") + letter)


def column_of(letters: str) -> int:
    """The column that letters name, large or small, counted from 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
