"""The demo database's tables, indexes and views, as SQLite's DDL.

Money is kept in whole cents (`price_cents INTEGER`). SQLite has no decimal type: a DECIMAL column has NUMERIC affinity,
turns 12.30 into a binary float, and a sum over a hundred thousand of them is off in the last digits. Cents add up
exactly, in SQL and in every client. Beside them stands a generated `DECIMAL(12,2)` (`price`) for reading: it is the
double nearest to the amount, so it prints with at most two decimals, and nobody can write it out of step.
`customers.credit` is a DECIMAL(12,2) that can be written; its seeded values are multiples of 0.25, which binary floats
hold exactly.

Rows go in first, with foreign keys and CHECKs not enforced: building an index over rows that are there is several times
faster than keeping it up to date, and the tests verify every constraint afterwards. No SQL comments inside the
statements: tools that reflect constraints from the stored text trip over them.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE categories (
  id INTEGER PRIMARY KEY,
  parent_id INTEGER,
  name VARCHAR(40) NOT NULL,
  "order" SMALLINT NOT NULL DEFAULT 0,
  CONSTRAINT category_once_per_parent UNIQUE (parent_id, name),
  CONSTRAINT category_parent FOREIGN KEY (parent_id) REFERENCES categories (id)
);

CREATE TABLE plants (
  id INTEGER PRIMARY KEY,
  category_id INTEGER NOT NULL,
  name VARCHAR(40) NOT NULL,
  latin_name VARCHAR(60) NOT NULL,
  hardiness_c SMALLINT NOT NULL,
  days_to_emerge SMALLINT NOT NULL,
  CONSTRAINT plant_name UNIQUE (name),
  CONSTRAINT plant_category FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE RESTRICT,
  CONSTRAINT hardiness_on_earth CHECK (hardiness_c BETWEEN -50 AND 20)
);

CREATE TABLE "sowing calendar" (
  plant_id INTEGER NOT NULL,
  climate VARCHAR(8) NOT NULL,
  sow_from SMALLINT NOT NULL,
  sow_until SMALLINT NOT NULL,
  "soil_°C" SMALLINT NOT NULL,
  under_glass BOOLEAN NOT NULL DEFAULT 0,
  PRIMARY KEY (plant_id, climate),
  CONSTRAINT sowing_plant FOREIGN KEY (plant_id) REFERENCES plants (id) ON DELETE CASCADE,
  CONSTRAINT known_climate CHECK (climate IN ('cool', 'mild', 'warm')),
  CONSTRAINT months_in_order CHECK (sow_from BETWEEN 1 AND sow_until AND sow_until <= 12),
  CONSTRAINT under_glass_is_boolean CHECK (under_glass IN (0, 1))
) WITHOUT ROWID;

CREATE TABLE growers (
  id INTEGER PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  place VARCHAR(40) NOT NULL,
  country CHAR(2) NOT NULL,
  latitude DOUBLE NOT NULL,
  longitude DOUBLE NOT NULL,
  organic BOOLEAN NOT NULL DEFAULT 0,
  about TEXT,
  CONSTRAINT grower_name UNIQUE (name),
  CONSTRAINT on_the_globe CHECK (latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180),
  CONSTRAINT grower_organic_is_boolean CHECK (organic IN (0, 1))
);

CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  sku VARCHAR(12) NOT NULL,
  plant_id INTEGER NOT NULL,
  grower_id INTEGER,
  name VARCHAR(80) NOT NULL,
  seeds INTEGER NOT NULL,
  price_cents INTEGER NOT NULL,
  price DECIMAL(12,2) GENERATED ALWAYS AS (price_cents / 100.0) VIRTUAL,
  organic BOOLEAN NOT NULL DEFAULT 0,
  introduced DATE NOT NULL,
  discontinued DATE,
  traits JSON NOT NULL DEFAULT '{}',
  picture BLOB,
  blurb TEXT,
  CONSTRAINT product_sku UNIQUE (sku),
  CONSTRAINT product_plant FOREIGN KEY (plant_id) REFERENCES plants (id) ON DELETE RESTRICT,
  CONSTRAINT product_grower FOREIGN KEY (grower_id) REFERENCES growers (id) ON DELETE SET NULL,
  CONSTRAINT product_has_seeds CHECK (seeds > 0),
  CONSTRAINT product_has_a_price CHECK (price_cents > 0),
  CONSTRAINT product_organic_is_boolean CHECK (organic IN (0, 1)),
  CONSTRAINT traits_are_json CHECK (json_valid(traits)),
  CONSTRAINT discontinued_after_introduced CHECK (discontinued > introduced)
);

CREATE TABLE catalogue (
  product_id INTEGER NOT NULL,
  year SMALLINT NOT NULL,
  page SMALLINT NOT NULL,
  price_cents INTEGER NOT NULL,
  price DECIMAL(12,2) GENERATED ALWAYS AS (price_cents / 100.0) VIRTUAL,
  PRIMARY KEY (product_id, year),
  CONSTRAINT catalogue_product FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
  CONSTRAINT catalogue_has_a_price CHECK (price_cents > 0)
) WITHOUT ROWID;

CREATE TABLE lots (
  product_id INTEGER NOT NULL,
  harvest_year SMALLINT NOT NULL,
  harvested_on DATE NOT NULL,
  packets INTEGER NOT NULL,
  moisture NUMERIC(4,1) NOT NULL,
  germination REAL,
  tested_on DATE,
  PRIMARY KEY (product_id, harvest_year),
  CONSTRAINT lot_product FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
  CONSTRAINT germination_is_a_share CHECK (germination BETWEEN 0 AND 1),
  CONSTRAINT tested_or_not CHECK ((germination IS NULL) = (tested_on IS NULL))
) WITHOUT ROWID;

CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  public_id UUID NOT NULL,
  name VARCHAR(80) NOT NULL,
  email VARCHAR(120) NOT NULL,
  country CHAR(2) NOT NULL,
  city VARCHAR(40) NOT NULL,
  born DATE,
  joined_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  newsletter BOOLEAN NOT NULL DEFAULT 1,
  credit DECIMAL(12,2) NOT NULL DEFAULT 0,
  preferences JSON,
  notes TEXT,
  referred_by INTEGER,
  CONSTRAINT customer_public_id UNIQUE (public_id),
  CONSTRAINT customer_referrer FOREIGN KEY (referred_by) REFERENCES customers (id) ON DELETE SET NULL,
  CONSTRAINT email_has_an_at CHECK (email LIKE '%_@_%'),
  CONSTRAINT newsletter_is_boolean CHECK (newsletter IN (0, 1)),
  CONSTRAINT credit_within_reason CHECK (credit >= -50)
);

CREATE TABLE carriers (
  code VARCHAR(8) PRIMARY KEY NOT NULL,
  name VARCHAR(40) NOT NULL,
  collects_at TIME,
  max_kg NUMERIC(6,3),
  postage_cents INTEGER NOT NULL DEFAULT 0,
  tracked BOOLEAN NOT NULL DEFAULT 0,
  CONSTRAINT carrier_name UNIQUE (name),
  CONSTRAINT tracked_is_boolean CHECK (tracked IN (0, 1))
);

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL,
  carrier_code VARCHAR(8) NOT NULL DEFAULT 'letter',
  placed_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  status VARCHAR(10) NOT NULL DEFAULT 'placed',
  shipped_on DATE,
  gift BOOLEAN NOT NULL DEFAULT 0,
  message TEXT,
  postage_cents INTEGER NOT NULL DEFAULT 0,
  total_cents INTEGER NOT NULL DEFAULT 0,
  total DECIMAL(12,2) GENERATED ALWAYS AS (total_cents / 100.0) VIRTUAL,
  CONSTRAINT order_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE RESTRICT,
  CONSTRAINT order_carrier FOREIGN KEY (carrier_code) REFERENCES carriers (code)
    ON DELETE SET DEFAULT ON UPDATE CASCADE,
  CONSTRAINT known_status CHECK (status IN ('placed', 'packed', 'shipped', 'delivered', 'returned', 'cancelled')),
  CONSTRAINT shipped_after_placed CHECK (shipped_on >= date(placed_at)),
  CONSTRAINT gift_is_boolean CHECK (gift IN (0, 1)),
  CONSTRAINT total_covers_postage CHECK (total_cents >= postage_cents AND postage_cents >= 0)
);

CREATE TABLE order_lines (
  order_id INTEGER NOT NULL,
  line_no SMALLINT NOT NULL,
  product_id INTEGER NOT NULL,
  harvest_year SMALLINT,
  quantity SMALLINT NOT NULL DEFAULT 1,
  unit_cents INTEGER NOT NULL,
  amount_cents INTEGER GENERATED ALWAYS AS (quantity * unit_cents) VIRTUAL,
  PRIMARY KEY (order_id, line_no),
  CONSTRAINT line_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  CONSTRAINT line_product FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE RESTRICT,
  CONSTRAINT line_lot FOREIGN KEY (product_id, harvest_year) REFERENCES lots (product_id, harvest_year)
    ON UPDATE CASCADE,
  CONSTRAINT line_has_packets CHECK (quantity > 0)
) WITHOUT ROWID;

CREATE TABLE parcels (
  tracking_no BIGINT PRIMARY KEY NOT NULL,
  order_id INTEGER NOT NULL,
  grams REAL NOT NULL,
  handed_over_at TIMESTAMP NOT NULL,
  delivered_at TIMESTAMP,
  CONSTRAINT one_parcel_per_order UNIQUE (order_id),
  CONSTRAINT parcel_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  CONSTRAINT delivered_after_handed_over CHECK (delivered_at > handed_over_at)
);

CREATE TABLE reviews (
  product_id INTEGER NOT NULL,
  customer_id INTEGER NOT NULL,
  rating SMALLINT NOT NULL,
  title VARCHAR(80),
  body TEXT NOT NULL DEFAULT '',
  written_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  helpful INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (product_id, customer_id),
  CONSTRAINT review_product FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
  CONSTRAINT review_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE,
  CONSTRAINT one_to_five_stars CHECK (rating BETWEEN 1 AND 5)
) WITHOUT ROWID;

CREATE TABLE stock_moves (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id INTEGER NOT NULL,
  harvest_year SMALLINT NOT NULL,
  moved_on DATE NOT NULL,
  packets INTEGER NOT NULL,
  reason VARCHAR(10) NOT NULL,
  CONSTRAINT move_lot FOREIGN KEY (product_id, harvest_year) REFERENCES lots (product_id, harvest_year)
    ON DELETE CASCADE,
  CONSTRAINT something_moved CHECK (packets <> 0),
  CONSTRAINT known_reason CHECK (reason IN ('opening', 'packed', 'sold', 'stocktake', 'expired'))
);
"""

INDEXES = """
CREATE INDEX plants_by_category ON plants (category_id);
CREATE INDEX products_by_plant ON products (plant_id);
CREATE INDEX products_by_grower ON products (grower_id);
CREATE INDEX products_by_name ON products (name COLLATE NOCASE);
CREATE UNIQUE INDEX customers_by_email ON customers (lower(email));
CREATE INDEX customers_by_referrer ON customers (referred_by) WHERE referred_by IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
CREATE INDEX orders_by_time ON orders (placed_at);
CREATE INDEX orders_open ON orders (placed_at) WHERE status IN ('placed', 'packed');
CREATE INDEX order_lines_by_lot ON order_lines (product_id, harvest_year);
CREATE INDEX reviews_by_customer ON reviews (customer_id);
CREATE INDEX reviews_latest ON reviews (written_at DESC);
CREATE INDEX stock_moves_by_lot ON stock_moves (product_id, harvest_year, moved_on);
"""

VIEWS = """
CREATE VIEW order_overview AS
SELECT o.id, o.placed_at, o.status, c.name AS customer, c.country, o.carrier_code AS carrier, o.gift,
       (SELECT count(*) FROM order_lines AS l WHERE l.order_id = o.id) AS lines, o.total
FROM orders AS o
JOIN customers AS c ON c.id = o.customer_id;

CREATE VIEW shelf AS
SELECT p.id, p.sku, p.name, pl.name AS plant, pl.latin_name, k.name AS category, g.name AS grower, p.organic, p.price,
       (SELECT sum(m.packets) FROM stock_moves AS m WHERE m.product_id = p.id) AS in_stock,
       (SELECT avg(r.rating) FROM reviews AS r WHERE r.product_id = p.id) AS stars
FROM products AS p
JOIN plants AS pl ON pl.id = p.plant_id
JOIN categories AS k ON k.id = pl.category_id
LEFT JOIN growers AS g ON g.id = p.grower_id
WHERE p.discontinued IS NULL;
"""
