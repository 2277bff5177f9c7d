"""The customers of Wren & Furrow, from many countries and in many scripts. None of them exists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from rowgate_server.demo.days import DAYS, LAST, clock, waking_second
from rowgate_server.demo.dice import Dice, between, chance, dice_of, pick
from rowgate_server.demo.text import rows, words

CUSTOMERS = 5_000
HOME = "IE"
_ON_OPENING_DAY = 300

# share | code | order of given and family name | given names | family names | cities
_COUNTRIES = """
24|IE|g f|Aoife, Cormac, Niamh, Seán, Órla, Tadhg, Bríd, Fergus|Byrne, O'Malley, Ní Dhuibhir, Keane|Galway, Cork, Sligo
20|GB|g f|Agnes, Callum, Imogen, Priya, Rhys, Kwame, Tom|Ashworth, Okafor, Pritchard, Shah, Weir|Leeds, Totnes, Cardiff
10|DE|g f|Jürgen, Käthe, Anselm, Friederike, Yusuf|Weiß, Großmann, Müller, Öztürk|Köln, Görlitz, Hamburg, Freiburg
9|FR|g f|Zoé, Éloïse, Gaël, Maëlys, Théo, Inès|Lefèvre, N'Diaye, Garçon, Bœuf, Dufour|Nîmes, Angers, Besançon
6|ES|g f|Íñigo, Begoña, Joaquín, Nuria, Martín|Núñez Ibáñez, Peña, Etxeberria, Agüero|Logroño, Cádiz, A Coruña
6|NL|g f|Daniël, Fenna, Sjoerd, Zoë, Joost|de Vries, van 't Hof, Bakker, IJsbrandy|Utrecht, Groningen, 's-Hertogenbosch
4|PT|g f|João, Conceição, Inês, Tomás|Gonçalves, Simões, Magalhães, da Luz|Évora, Porto, Setúbal
4|PL|g f|Łukasz, Żaneta, Stanisław, Małgorzata|Wójcik, Dąbrowska, Źrebiec, Kiełb|Łódź, Kraków, Gdańsk
3|CZ|g f|Jiří, Zdeňka, Ondřej, Růžena|Dvořák, Šťastná, Říha, Žížala|Brno, Plzeň, Třebíč
3|SE|g f|Åsa, Göran, Märta, Björn|Ångström, Öberg, Sjöström, Lindqvist|Malmö, Umeå, Växjö
2|IS|g f|Þóra, Ásgeir, Sæunn, Örvar|Jónsdóttir, Þórsson, Ægisson|Reykjavík, Ísafjörður
3|GR|g f|Ελένη, Γιώργος, Δέσποινα, Χρήστος|Παπαδοπούλου, Ζήσης, Ψαρράς|Θεσσαλονίκη, Χανιά
4|UA|g f|Оксана, Богдан, Соломія, Юрій|Шевчук, Ткаченко, Їжакевич|Київ, Львів, Одеса
2|BG|g f|Цветана, Жельо, Йорданка|Щърбанова, Дойчев, Пейчев|Пловдив, Бургас
2|TR|g f|İpek, Çağla, Uğur, Gülşen|Şahin, Gökçe, Güneş|İzmir, Eskişehir
2|IL|g f|נועה, יונתן, שירה|לוי, אברהמי, בן דוד|חיפה, ירושלים
2|JO|g f|ليلى, يوسف, نور|الخطيب, حدّاد, المصري|عمّان, إربد
2|IN|g f|अनन्या, रोहित, मीरा, ஆதவன்|शर्मा, जोशी, முருகன்|पुणे, जयपुर, சென்னை
2|GE|g f|ნინო, გიორგი, თამარ|ბერიძე, ლომიძე|თბილისი, ქუთაისი
2|ET|g f|ሰላም, ዳዊት, ሄለን|ተስፋዬ, በቀለ|አዲስ አበባ, ጎንደር
3|JP|f g|さくら, 健太, 美咲, 大輔|佐藤, 鈴木, 髙橋, 齋藤|札幌, 京都, 松本
2|CN|fg|伟, 芳, 子涵, 𠮷祥|王, 李, 欧阳, 司马|杭州, 成都
2|KR|fg|서연, 민준, 지우|김, 이, 박, 남궁|서울, 부산
2|VN|f g|Thị Hương, Văn Đức, Ngọc Ánh|Nguyễn, Trần, Lê|Đà Lạt, Huế
2|TH|g f|สมชาย, มาลี, อรุณ|ใจดี, ศรีสุข|เชียงใหม่, ตรัง
4|US|g f|Marisol, Wyatt, Keisha, Eleanor, José|Whitehorse, Nguyen, Delgado, Kowalski|Asheville, Duluth, Taos
2|BR|g f|Anaïs, Caetano, Luíza|Araújo, dos Santos, Conceição|Curitiba, Belém
2|NZ|g f|Māia, Hēmi, Aroha|Te Whāiti, Ngāpuhi, Fraser|Whanganui, Ōtaki
"""

_EMAIL_HEADS = words("mossy,dapper,quiet,merry,rusty,early,amber,tidy,lucky,sleepy,windy,plum,fern,clover,hazel")
_EMAIL_TAILS = words("trowel,dibber,barrow,cloche,compost,hedgerow,seedling,kettle,robin,teapot,glove,rake,snail")
_EMAIL_HOSTS = words("example.org,example.com,example.net,post.example,Example.ORG")
_CLIMATES = words("cool,mild,warm")
_INTERESTS = words("herbs,heirlooms,flowers,chillies,bees,beans")
_NOTES = [
    "Leave with the neighbour at number 4.",
    "Rings before nine. Loves beans.",
    "Allotment society: invoice in spring 🌱",
    "Please, no plastic in the parcel!",
    "Moved house; the old catalogue came back.",
    "Asks every year about blue sweetcorn 🌽",
    "Sends his best to the shop's cat 🐈‍⬛",
]


class Country(NamedTuple):
    """How people of a country are called and where they live."""

    code: str
    pattern: str
    given: list[str]
    family: list[str]
    cities: list[str]


def joined(number: int) -> int:
    """The day on which a customer joined: some hundreds at the opening, the others one after another."""
    return max(0, number - _ON_OPENING_DAY) * LAST // (CUSTOMERS - _ON_OPENING_DAY)


def countries() -> list[Country]:
    """A country for every customer: as many entries each as its share of the customers, home first."""
    found: list[Country] = []
    for share, code, order, given, family, cities in rows(_COUNTRIES):
        pattern = {"g f": "{given} {family}", "f g": "{family} {given}", "fg": "{family}{given}"}[order]
        found += [Country(code, pattern, words(given), words(family), words(cities))] * int(share)
    return found


def customers(home_of: list[str]) -> Iterator[tuple[object, ...]]:
    """Rows of `customers`, in the order in which they joined; appends each one's country to `home_of`."""
    dice = dice_of(20)
    places = countries()
    for number in range(1, CUSTOMERS + 1):
        place = pick(dice, places)
        home_of.append(place.code)
        yield (
            number,
            _uuid4(dice),
            place.pattern.format(given=pick(dice, place.given), family=pick(dice, place.family)),
            _email(dice, number),
            place.code,
            pick(dice, place.cities),
            _birthday(dice),
            f"{DAYS[joined(number)]} {clock(waking_second(dice))}",
            chance(dice, 0.7),
            _credit(dice),
            _preferences(dice),
            _notes(dice),
            between(dice, 1, number - 1) if number > 1 and chance(dice, 0.15) else None,
        )


def _uuid4(dice: Dice) -> str:
    digits = f"{int(dice() * 2**48):012x}{int(dice() * 2**48):012x}{int(dice() * 2**32):08x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _email(dice: Dice, number: int) -> str:
    """An address under the names that RFC 2606 keeps from ever being anyone's."""
    return f"{pick(dice, _EMAIL_HEADS)}.{pick(dice, _EMAIL_TAILS)}{number}@{pick(dice, _EMAIL_HOSTS)}"


def _birthday(dice: Dice) -> str | None:
    if chance(dice, 0.4):
        return None
    return f"{between(dice, 1938, 2006)}-{between(dice, 1, 12):02}-{between(dice, 1, 28):02}"


def _credit(dice: Dice) -> float:
    """Quarters of a euro: most have none, some have a voucher, a few still owe something."""
    if chance(dice, 0.87):
        return 0
    return between(dice, 1, 160) / 4 if chance(dice, 0.75) else -between(dice, 1, 48) / 4


def _preferences(dice: Dice) -> str | None:
    if chance(dice, 0.45):
        return None
    first, second = pick(dice, _INTERESTS), pick(dice, _INTERESTS)
    wishes = {
        "climate": pick(dice, _CLIMATES),
        "interests": [first] if first == second else [first, second],
        "peat_free": chance(dice, 0.6),
    }
    return json.dumps(wishes)


def _notes(dice: Dice) -> str | None:
    """NULL: nobody wrote anything; empty: somebody did, and cleared it."""
    if chance(dice, 0.85):
        return None
    return "" if chance(dice, 0.5) else pick(dice, _NOTES)
