"""What Wren & Furrow grows and sells: categories, plants, growers and the names of varieties."""

from __future__ import annotations

from typing import NamedTuple

from rowgate_server.demo.text import rows, words


class Category(NamedTuple):
    """A shelf of the shop, with what its plants are used for and what is said in their favour."""

    number: int
    parent: int | None
    name: str
    uses: list[str]
    praise: list[str]


# In the order in which a visitor should see them. Those without uses only hold others.
CATEGORIES = [
    Category(int(number), int(parent) if parent else None, name, words(uses), words(praise, ";"))
    for number, parent, name, uses, praise in rows("""
        1 |   | Vegetables | |
        2 | 1 | Roots | roasting, soup, storing, juice | sweet after the first frost; keeps until the swallows return
        3 | 1 | Leaves | salad, soup, wok, lunch box | slow to bolt; tender to the last leaf; comes again after a cut
        4 | 1 | Fruiting | grill, soup, freezing, market | crops for weeks; one plant feeds a street; a good doer
        5 | 4 | Tomatoes | salad, sauce, drying | never known to split; best eaten standing in the row
        6 | 4 | Peppers & chillies | sauce, drying, pickling | ripens on a windowsill; dries well on a string
        7 | 1 | Peas & beans | freezing, drying, soup | honey-sweet when young; leaves the soil better than it found it
        8 | 1 | Onions & leeks | storing, soup, pickling | stands all winter; mild enough for sandwiches
        9 |   | Herbs | |
        10 | 9 | Annual herbs | kitchen, freezing, pots | smells of summer; comes up wherever it is dropped
        11 | 9 | Perennial herbs | kitchen, tea, drying, bees | alive with bees by noon; lives for years on neglect
        12 |   | Flowers | |
        13 | 12 | Annuals | cutting, bees, borders | flowers until the first frost; lovely in a jug; sows itself
        14 | 12 | Perennials | borders, bees, cutting | stands up to sea wind; back every year; best in a drift
        15 | 12 | Climbers | cutting, screens, arches | over the shed by August; flowers the more it is picked
        16 |   | Green manures | soil, bees | dug in, it feeds the next crop; smothers every weed
    """)
]


class Plant(NamedTuple):
    """A plant as the catalogue's head lines have it; `cents` is what an ordinary packet of `seeds` costs in 2025."""

    name: str
    latin: str
    category: int
    cents: int
    seeds: int
    hardiness: int
    days: int
    sow_from: int
    sow_until: int
    soil: int
    height: int
    colours: list[str]


PLANTS = [
    Plant._make((name, latin, *map(int, figures), colours.split()))
    for name, latin, *figures, colours in rows("""
        Carrot | Daucus carota | 2 | 245 | 500 | -8 | 14 | 3 | 7 | 7 | 35 | orange purple white yellow
        Beetroot | Beta vulgaris | 2 | 225 | 200 | -4 | 10 | 4 | 7 | 8 | 35 | crimson gold white
        Parsnip | Pastinaca sativa | 2 | 235 | 250 | -18 | 21 | 2 | 5 | 6 | 45 | white
        Radish | Raphanus sativus | 2 | 195 | 400 | -3 | 5 | 3 | 9 | 5 | 20 | crimson pink white black
        Turnip | Brassica rapa rapa | 2 | 205 | 300 | -6 | 7 | 3 | 8 | 6 | 30 | white purple gold
        Salsify | Tragopogon porrifolius | 2 | 285 | 120 | -20 | 16 | 3 | 5 | 8 | 60 | purple white
        Celeriac | Apium graveolens | 2 | 295 | 350 | -5 | 20 | 2 | 4 | 15 | 50 | white
        Lettuce | Lactuca sativa | 3 | 215 | 600 | -4 | 7 | 2 | 9 | 4 | 25 | green bronze crimson
        Spinach | Spinacia oleracea | 3 | 205 | 300 | -12 | 10 | 3 | 9 | 6 | 30 | green
        Kale | Brassica oleracea | 3 | 225 | 250 | -15 | 8 | 4 | 6 | 7 | 80 | green black crimson
        Rocket | Eruca vesicaria | 3 | 195 | 500 | -6 | 5 | 3 | 9 | 6 | 30 | green
        Chard | Beta vulgaris cicla | 3 | 235 | 150 | -7 | 9 | 4 | 8 | 9 | 50 | gold pink white crimson
        Pak choi | Brassica rapa chinensis | 3 | 245 | 200 | -3 | 6 | 5 | 8 | 12 | 35 | green purple
        Tomato | Solanum lycopersicum | 5 | 325 | 30 | 3 | 8 | 2 | 4 | 18 | 160 | crimson yellow orange black
        Cherry tomato | Solanum pimpinellifolium | 5 | 345 | 25 | 3 | 8 | 2 | 4 | 18 | 180 | crimson orange yellow
        Chilli | Capsicum annuum | 6 | 365 | 20 | 5 | 14 | 1 | 4 | 22 | 60 | crimson orange purple yellow
        Sweet pepper | Capsicum annuum grossum | 6 | 355 | 20 | 5 | 12 | 2 | 4 | 21 | 65 | crimson gold green
        Courgette | Cucurbita pepo | 4 | 295 | 15 | 2 | 7 | 4 | 6 | 15 | 60 | green yellow
        Squash | Cucurbita maxima | 4 | 315 | 12 | 2 | 8 | 4 | 6 | 16 | 55 | orange blue green
        Cucumber | Cucumis sativus | 4 | 345 | 12 | 4 | 7 | 3 | 6 | 18 | 190 | green white yellow
        Aubergine | Solanum melongena | 4 | 335 | 25 | 6 | 12 | 1 | 3 | 22 | 75 | purple black white
        Sweetcorn | Zea mays | 4 | 275 | 45 | 1 | 9 | 4 | 6 | 13 | 190 | yellow white blue
        Pea | Pisum sativum | 7 | 285 | 180 | -5 | 10 | 2 | 6 | 5 | 120 | green purple
        Broad bean | Vicia faba | 7 | 305 | 60 | -11 | 14 | 2 | 5 | 4 | 110 | green crimson
        Runner bean | Phaseolus coccineus | 7 | 315 | 45 | 1 | 9 | 4 | 7 | 12 | 260 | crimson white
        Climbing bean | Phaseolus vulgaris | 7 | 295 | 80 | 1 | 8 | 4 | 7 | 12 | 220 | green purple yellow
        Onion | Allium cepa | 8 | 225 | 350 | -10 | 14 | 1 | 4 | 8 | 45 | gold crimson white
        Leek | Allium ampeloprasum | 8 | 235 | 300 | -17 | 15 | 2 | 4 | 7 | 60 | white blue
        Spring onion | Allium fistulosum | 8 | 205 | 400 | -12 | 12 | 3 | 8 | 6 | 35 | white crimson
        Basil | Ocimum basilicum | 10 | 215 | 400 | 5 | 7 | 3 | 7 | 18 | 45 | green purple
        Coriander | Coriandrum sativum | 10 | 205 | 250 | -4 | 10 | 3 | 8 | 10 | 50 | green
        Dill | Anethum graveolens | 10 | 195 | 500 | -2 | 11 | 4 | 7 | 10 | 90 | yellow
        Parsley | Petroselinum crispum | 10 | 205 | 600 | -9 | 21 | 3 | 7 | 8 | 35 | green
        Thyme | Thymus vulgaris | 11 | 235 | 800 | -16 | 14 | 3 | 6 | 14 | 25 | pink white
        Oregano | Origanum vulgare | 11 | 225 | 900 | -19 | 12 | 3 | 6 | 14 | 40 | pink
        Sage | Salvia officinalis | 11 | 245 | 60 | -13 | 14 | 3 | 6 | 15 | 60 | blue purple
        Lovage | Levisticum officinale | 11 | 225 | 150 | -25 | 16 | 3 | 6 | 10 | 180 | yellow green
        Sunflower | Helianthus annuus | 13 | 235 | 40 | 0 | 9 | 4 | 6 | 10 | 210 | yellow bronze crimson
        Cornflower | Centaurea cyanus | 13 | 195 | 200 | -10 | 10 | 3 | 9 | 8 | 80 | blue pink white
        Field poppy | Papaver rhoeas | 13 | 195 | 1500 | -12 | 14 | 2 | 9 | 5 | 60 | crimson pink white
        Pot marigold | Calendula officinalis | 13 | 205 | 120 | -6 | 8 | 3 | 9 | 8 | 45 | orange yellow
        Nasturtium | Tropaeolum majus | 13 | 225 | 35 | 1 | 10 | 4 | 6 | 12 | 35 | orange crimson yellow
        Cosmos | Cosmos bipinnatus | 13 | 215 | 100 | 0 | 8 | 3 | 6 | 14 | 100 | pink white crimson
        Foxglove | Digitalis purpurea | 14 | 225 | 2000 | -28 | 18 | 5 | 8 | 12 | 150 | pink white purple
        Hollyhock | Alcea rosea | 14 | 235 | 50 | -29 | 14 | 4 | 7 | 12 | 200 | pink black yellow
        Lupin | Lupinus polyphyllus | 14 | 245 | 40 | -27 | 16 | 3 | 7 | 11 | 100 | blue pink yellow
        Sweet pea | Lathyrus odoratus | 15 | 275 | 25 | -6 | 12 | 1 | 4 | 10 | 190 | pink purple white blue
        Morning glory | Ipomoea purpurea | 15 | 225 | 40 | 3 | 9 | 3 | 6 | 16 | 240 | blue purple
        Phacelia | Phacelia tanacetifolia | 16 | 395 | 5000 | -7 | 8 | 3 | 9 | 6 | 75 | purple
        Crimson clover | Trifolium incarnatum | 16 | 375 | 4000 | -14 | 9 | 3 | 9 | 7 | 45 | crimson
    """)
]

# Names of varieties; each goes with several plants.
VARIETIES = [
    name
    for line in rows("""
        Amber Lantern | Harbour Light | Widow's Mite | Old Ferryman | Copper Kettle | Miller's Pride | Early Lark
        Midnight Post | Paper Moon | Long Acre | Foxfire | Nan's Apron | Lamplighter | Kingfisher | Saltmarsh
        Früher Mönch | Été Doré | Señora Luz | Žlutý Kníže | Łąka | Grön Gåva | Fjordlys | Blåklokke | Noël Vert
        Rotkäppchen | Mélusine | Bel·la Nit | Château Gris | Yeşil Gölge | Zvonček | São Brás | Þistill
        Ōgon | Hvězda | Ружа | Зоря | Ανατολή | 金時 | 雪あかり | 봄비 | Piccolo Re | Tante Grete | Oma's Beste
        Quickstep | Blackthorn Wake | Tinker's Dozen | Ballycurlew | St Brigid | Hedge School | Bright Penny
        Slow Bell | Winter Keeper | Thunderhead | Rosehip Rose | Barn Owl | Corncrake | Little Wren | Deep Furrow
        Plough Monday | Candlemas | Michaelmas | Halcyon | Jackdaw | Marmalade | Sea Smoke | Fiddler's Green
        Ruby Slipper | Half Crown | Tall Story | Velvet Coat | Drumlin | Turf Fire | Bog Cotton | Lady Day
        Hope Street | Second Helping | Sunday Best | Runaway | Gatekeeper | Brimstone | Painted Lady | Grayling
        Silver Birch | Cloudberry | Northern Line | Allotment King | Plot 46 | Uncle Bert | Cousin Ines
        The Bishop | Tenpenny | Windfall | Low Tide | First Post | Gooseberry Fool | Petticoat | Moonraker
    """)
    for name in line
]

# name | place | country | latitude | longitude | organic | about
GROWERS = [
    (name, place, country, float(latitude), float(longitude), organic == "yes", about or None)
    for name, place, country, latitude, longitude, organic, about in rows("""
        Wren & Furrow, home field | Ballycurlew | IE | 53.1408 | -8.9351 | yes | Where it began: two acres and a shed.
        Ceide Seeds | Ballycastle | IE | 54.2931 | -9.3692 | yes | Brassicas in sea wind.
        Sliabh Mist Nursery | Tralee | IE | 52.2713 | -9.7026 | no |
        Blackwater Gardens | Fermoy | IE | 52.1385 | -8.2779 | yes | Beans and peas, threshed by hand.
        Fenland Seed Company | Ely | GB | 52.3995 | 0.2624 | no | Onions, leeks and patience.
        Pentland Flowers | Peebles | GB | 55.6517 | -3.1889 | yes |
        Hafod y Coed | Machynlleth | GB | 52.5903 | -3.8535 | yes | Dim ond hadau da.
        Kwekerij De Korenbloem | Enkhuizen | NL | 52.7036 | 5.2914 | no | Acht generaties tuinbouw.
        Saatgut Lindenhof | Quedlinburg | DE | 51.7880 | 11.1470 | yes | Alte Sorten, frisch geerntet.
        Gärtnerei Süßmilch | Bamberg | DE | 49.8988 | 10.9028 | yes | Zwiebeln & Süßholz seit jeher.
        Graines du Ventoux | Carpentras | FR | 44.0550 | 5.0481 | yes | Tomates, basilic, soleil.
        Le Jardin d'Élodie | Angers | FR | 47.4784 | -0.5632 | no |
        Semillas La Acequia | Valencia | ES | 39.4699 | -0.3763 | yes | Pimientos desde la huerta.
        Sementes Vale do Côa | Guarda | PT | 40.5373 | -7.2676 | no |
        Sementi Poggio Alto | Pistoia | IT | 43.9330 | 10.9170 | yes | Zucchine, fagioli, pomodori.
        Nasiona Podlasia | Białystok | PL | 53.1325 | 23.1688 | yes | Ogórki i mięta.
        Semínka Třeboň | Třeboň | CZ | 49.0037 | 14.7706 | no |
        Σπόροι Πηλίου | Βόλος | GR | 39.3622 | 22.9420 | yes | Ρίγανη από το βουνό.
        Насіння Полісся | Житомир | UA | 50.2547 | 28.6587 | no | Соняшники й буряки.
        Nordfrø | Tromsø | NO | 69.6492 | 18.9553 | yes | The northernmost of our fields.
        信州たね園 | 松本 | JP | 36.2380 | 137.9720 | yes | 山の野菜と花。
        Mbegu Bora | Nakuru | KE | -0.3031 | 36.0800 | no | Beans at 1,850 metres.
        Semillas del Sur | Valdivia | CL | -39.8142 | -73.2459 | yes | Half a year ahead of us.
        Tasman Seeds | Motueka | NZ | -41.1130 | 173.0120 | no |
    """)
]
