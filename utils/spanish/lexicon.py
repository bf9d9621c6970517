"""The words of the Spanish grammar: compact tables, and the rules that inflect them.

Each row of a table is a class of words; its three columns are the words of the
training, the validation and the test split. No form of a noun or a verb is in two
splits: that is checked when the tables are read. All other words are shared.

Left out on purpose: nouns of both genders (*artista*, *mar*, *guía*), those that mean
something else in the other gender (*capital*, *cámara*, *papa*), those whose number does
not show (*crisis*), and colours that do not agree (*rosa*).

Source: for the rules, RAE and ASALE 2009, "Nueva gramática de la lengua española",
chapters 2 (gender), 3 (number) and 4 (verbs); the selection of words is the course's.
"""

import functools
from dataclasses import dataclass

from utils.english.lexicon import SPLITS, check_disjoint, read_table

# ---------------------------------------------------------------------- nouns
# A person is given in the masculine, with the feminine after a slash where it is not
# made by rule; of a thing, the gender stands after a colon where the ending misleads.
NOUNS = """
person   | niño muchacho abuelo rey/reina pasajero | hombre/mujer alumno ladrón/ladrona | señor campesino príncipe/princesa prisionero
job      | profesor doctor enfermero escritor pintor cocinero camarero ingeniero | maestro bibliotecario pescador camionero | panadero investigador carpintero peluquero entrenador
relative | amigo hermano hijo tío | vecino primo sobrino | nieto cuñado compañero suegro
thing    | reloj lámpara plato cuchara llave:f espejo vaso taza anillo muñeca silla moneda | florero vela tambor botella peine jarra | jarrón tetera pincel bandeja brújula collar martillo campana
surface  | mesa caja cajón estante mochila armario | bolsa baúl cesta | canasta cofre repisa gaveta
text     | libro carta cuento novela poema:m informe receta | artículo ensayo postal:f antología | documento contrato folleto crónica mensaje biografía
food     | manzana sopa queso pastel tarta tomate galleta | empanada bizcocho pera | tortilla melón cereza plátano ensalada
clothes  | camisa vestido falda abrigo pañuelo chaqueta | bufanda pantalón blusa | corbata guante boina chaleco
place    | jardín parque biblioteca museo hotel escuela plaza oficina | teatro iglesia castillo piscina | palacio capilla restaurante universidad
event    | reunión boda concierto ceremonia torneo debate | entrevista recital subasta | funeral charla bautizo votación
tonic    | águila:f arma:f aula:f hacha:f arpa:f ave:f agua:f | hada:f ala:f alga:f | ancla:f área:f arca:f aspa:f
atonic   | alfombra abeja araña aguja aldea | almohada hamaca antorcha | ardilla avispa hacienda acuarela
material | madera plata | oro plástico | vidrio cerámica metal
"""

# ---------------------------------------------------------------------- verbs
# After a colon: what a stressed e or o of the stem becomes. `inherent`: only with "se".
VERBS = """
intransitive | cantar bailar llorar correr trabajar dormir:ue gritar caminar | descansar estudiar nadar bostezar | temblar:ie respirar toser rezar saltar
social       | saludar visitar ayudar llamar buscar invitar abrazar | felicitar acompañar cuidar | perdonar vigilar criticar consolar:ue
see          | mirar encontrar:ue dibujar ver | contemplar pintar | observar examinar describir
handle       | comprar vender llevar perder:ie guardar | entregar esconder regalar | recoger robar restaurar
publish      | leer escribir copiar | publicar firmar | revisar editar archivar
eat          | comer cocinar preparar probar:ue | cortar hornear | devorar saborear servir:i
clothe       | lavar doblar planchar | coser tender:ie | remendar:ie estrenar
inherent     | quejar fugar atrever arrepentir:ie | desgañitar pavonear | desperezar contonear
believe      | pensar:ie afirmar contar:ue | asegurar explicar | sospechar comentar declarar
"""

# What the rules do not make: present; preterite; imperfect; participle; perhaps future.
IRREGULAR_VERBS = {
    "ser": "soy eres es somos son; fui fuiste fue fuimos fueron; "
    "era eras era éramos eran; sido; seré serás será seremos serán",
    "estar": "estoy estás está estamos están; "
    "estuve estuviste estuvo estuvimos estuvieron; "
    "estaba estabas estaba estábamos estaban; estado; "
    "estaré estarás estará estaremos estarán",
    "haber": "he has ha hemos han; hube hubiste hubo hubimos hubieron; "
    "había habías había habíamos habían; habido",
    "ver": "veo ves ve vemos ven; vi viste vio vimos vieron; "
    "veía veías veía veíamos veían; visto",
    "leer": "leo lees lee leemos leen; leí leíste leyó leímos leyeron; "
    "leía leías leía leíamos leían; leído",
}
PARTICIPLES = {"escribir": "escrito", "describir": "descrito"}

# --------------------------------------------------------------- shared words
MEN = "Luis Pedro Carlos Diego Andrés Mateo Tomás Hugo Pablo Raúl".split()
WOMEN = "Ana María Lucía Elena Carmen Sofía Julia Marta Rosa Clara".split()
COUNTRIES = "Perú Chile México Bolivia Panamá Honduras Colombia Uruguay".split()

THINGS = "nuevo antiguo precioso extraño blanco negro rojo pequeño grande azul verde"
ADJECTIVES = {  # that go with "ser", and after a noun
    "person": "delgado simpático famoso rico honrado generoso educado amable inteligente",
    "thing": THINGS,
    "surface": THINGS,
    "text": "nuevo largo famoso extraño aburrido interesante breve",
    "food": "delicioso pequeño extraño grande exquisito",
    "clothes": "nuevo rojo blanco negro bonito largo elegante azul verde",
    "atonic": "pequeño extraño precioso",
    "águila": "blanco negro extraño", "arma": "antiguo nuevo peligroso",
    "aula": "nuevo antiguo pequeño", "hacha": "nuevo antiguo pesado",
    "arpa": "antiguo nuevo precioso", "ave": "blanco negro extraño",
    "agua": "limpio turbio frío", "hada": "pequeño simpático",
    "ala": "blanco negro", "alga": "extraño rojo", "ancla": "nuevo antiguo pesado",
    "área": "pequeño extraño nuevo", "arca": "antiguo precioso pesado",
    "aspa": "nuevo blanco pequeño",
}  # fmt: skip
STATES = {  # that go with "estar"
    "person": "cansado enfermo ocupado nervioso contento preocupado enojado",
    "thing": "limpio sucio roto", "surface": "limpio sucio vacío roto",
    "text": "terminado traducido olvidado", "food": "frío podrido",
    "clothes": "limpio sucio mojado roto",
}  # fmt: skip
# With "ser" these are no sentences: "*es descalza", "*es llena".
ONLY_ESTAR = {
    "person": "contento descalzo exhausto atónito perplejo harto",
    "surface": "lleno vacío",
}
for table in (ADJECTIVES, STATES, ONLY_ESTAR):
    table |= dict.fromkeys(("job", "relative"), table["person"])

DETERMINERS = {  # lemma: masculine and feminine singular, masculine and feminine plural
    "el": "el la los las", "uno": "un una unos unas", "este": "este esta estos estas",
    "ese": "ese esa esos esas", "aquel": "aquel aquella aquellos aquellas",
    "nuestro": "nuestro nuestra nuestros nuestras", "otro": "otro otra otros otras",
    "mucho": "- - muchos muchas", "vario": "- - varios varias",
    "alguno": "- - algunos algunas", "mi": "mi mi mis mis", "su": "su su sus sus",
    "cada": "cada cada - -", "dos": "- - dos dos", "tres": "- - tres tres",
}  # fmt: skip
NO_GENDER = ("mi", "su", "cada", "dos", "tres")


# ---------------------------------------------------------------------- forms
@dataclass(frozen=True, slots=True)
class Noun:
    """A common noun: its forms, its gender ("m" or "f") and its kind."""

    lemma: str  # of a pair such as "niño, niña" the masculine
    singular: str
    plural: str
    kind: str
    gender: str


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: its forms in each tense, in the order of PERSONS, and its participle."""

    lemma: str
    tenses: dict
    participle: str


PERSONS = ("1sg", "2sg", "3sg", "1pl", "3pl")
PRESENT, PRETERITE, IMPERFECT, FUTURE, PERFECT = (
    "present", "preterite", "imperfect", "future", "perfect",
)  # fmt: skip
ENDINGS = {  # in the order of PERSONS
    ("a", PRESENT): "o as a amos an", ("a", PRETERITE): "é aste ó amos aron",
    ("a", IMPERFECT): "aba abas aba ábamos aban",
    ("e", PRESENT): "o es e emos en", ("i", PRESENT): "o es e imos en",
    ("e", PRETERITE): "í iste ió imos ieron", ("e", IMPERFECT): "ía ías ía íamos ían",
}  # fmt: skip
PLAIN = str.maketrans("áéíóú", "aeiou")


def plural_of(word):
    """The plural of a noun or an adjective: vowel + s, z → ces, consonant + es."""
    if word[-1] in "aeiouáéó":
        return word + "s"
    if word.endswith("z"):
        return word[:-1] + "ces"
    if word[-2] in "áéíóú" and word[-1] in "ns":  # jardín, jardines
        word = word[:-2] + word[-2:].translate(PLAIN)
    return word + "es"


def feminine_of(word):
    """The feminine of a noun for a person, or of an adjective."""
    if word.endswith("o"):
        return word[:-1] + "a"
    return word + "a" if word.endswith("or") else word


def adjective_form(adjective, gender, number):
    form = feminine_of(adjective) if gender == "f" else adjective
    return plural_of(form) if number == "pl" else form


def determiner_form(lemma, gender, number):
    """The form of a determiner, or "-" where it has none: *cada* in the plural."""
    return DETERMINERS[lemma].split()[(gender == "f") + 2 * (number == "pl")]


def nouns_of(spec, kind):
    """The one noun of a thing, or the two of a person."""
    if kind in ("person", "job", "relative"):
        man, _, woman = spec.partition("/")
        woman = woman or feminine_of(man)
        return [
            Noun(man, word, plural_of(word), kind, gender)
            for word, gender in ((man, "m"), (woman, "f"))
        ]
    word, _, gender = spec.partition(":")
    by_ending = "f" if word.endswith(("a", "ión", "dad")) else "m"
    return [Noun(word, word, plural_of(word), kind, gender or by_ending)]


def conjugate(spec):
    """A `Verb` from its infinitive and, after a colon, the change of its stem.

    Regular verbs, with the spelling that keeps their sound (*saqué*, *recojo*), and
    those whose stressed e or o changes; of an -ir verb, also *durmió* and *sirvió*.
    """
    lemma, _, change = spec.partition(":")
    if lemma in IRREGULAR_VERBS:
        rows = [part.split() for part in IRREGULAR_VERBS[lemma].split(";")]
        tenses = dict(zip((PRESENT, PRETERITE, IMPERFECT), rows))
        if len(rows) == 5:
            tenses[FUTURE] = rows[4]
        return Verb(lemma, tenses, rows[3][0])
    stem, theme = lemma[:-2], lemma[-2]
    last = max(stem.rfind("e"), stem.rfind("o"))
    stressed = stem[:last] + change + stem[last + 1 :] if change else stem
    weak = {"ue": "u", "ie": "i", "i": "i"}.get(change) if theme == "i" else None
    light = stem[:last] + weak + stem[last + 1 :] if weak else stem
    stems = {
        PRESENT: (stressed,) * 3 + (stem, stressed),
        PRETERITE: (stem, stem, light, stem, light), IMPERFECT: (stem,) * 5,
    }  # fmt: skip
    tenses = {
        tense: [spell(s, e, theme) for s, e in zip(each, ENDINGS[
            theme if (theme, tense) in ENDINGS else "e", tense].split())]
        for tense, each in stems.items()
    }  # fmt: skip
    participle = PARTICIPLES.get(lemma, stem + ("ado" if theme == "a" else "ido"))
    return Verb(lemma, tenses, participle)


def spell(stem, ending, theme):
    """The form with the letter that keeps the sound: *saqué*, *abracé*, *recojo*."""
    if theme == "a" and ending[0] == "é":
        for written, before_e in (("c", "qu"), ("g", "gu"), ("z", "c")):
            if stem.endswith(written):
                stem = stem[:-1] + before_e
    elif theme != "a" and ending == "o" and stem.endswith("g"):
        stem = stem[:-1] + "j"
    return stem + ending


# --------------------------------------------------------------------- splits
class Lexicon:
    """The nouns (by kind) and the verbs (by frame) of one split."""

    def __init__(self, split):
        self.split = split
        self.nouns = {
            kind: tuple(noun for word in words for noun in nouns_of(word, kind))
            for kind, words in read_table(NOUNS, split).items()
        }
        self.verbs = {
            frame: tuple(map(conjugate, words))
            for frame, words in read_table(VERBS, split).items()
        }

    def forms(self):
        """Every inflected form: (of nouns, of verbs), each sorted."""
        nouns = sum(self.nouns.values(), ())
        nouns = {form for n in nouns for form in (n.singular, n.plural)}
        verbs = {
            form
            for v in sum(self.verbs.values(), ())
            for form in (v.lemma, v.participle, *sum(v.tenses.values(), []))
        }
        return sorted(nouns), sorted(verbs)


@functools.cache
def lexicon(split):
    """The lexicon of a split. Raises ValueError for a split that does not exist."""
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it can be {', '.join(SPLITS)}.")
    return Lexicon(split)


check_disjoint(lexicon, SPLITS, "utils/spanish/lexicon.py")
