// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay::detail {

// A column of tensors (inputs, labels, refused) holds the bytes of a safetensors file as a BLOB, or, as TEXT, the
// SHA-256 that names such a file in the folder of objects.

/// What format 1 had.
inline constexpr const char* schema_1 = R"(
CREATE TABLE campaign (id TEXT NOT NULL, format INTEGER NOT NULL, sequence INTEGER NOT NULL);
CREATE TABLE round (
  round INTEGER PRIMARY KEY,
  state_json TEXT NOT NULL,          -- of the query strategy, after it chose
  state_tensors BLOB NOT NULL);
CREATE TABLE sample (
  id INTEGER PRIMARY KEY,
  round INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  strategy TEXT NOT NULL,
  score REAL,
  fingerprint TEXT NOT NULL,
  inputs BLOB NOT NULL,
  state TEXT NOT NULL,
  labels BLOB,
  attempts INTEGER NOT NULL DEFAULT 0,
  integrated INTEGER UNIQUE);        -- place in the order of integration
CREATE UNIQUE INDEX sample_by_rank ON sample (round, rank);
CREATE INDEX sample_by_state ON sample (state, round, rank);
CREATE INDEX sample_by_content ON sample (fingerprint);
CREATE TABLE attempt (
  id INTEGER NOT NULL REFERENCES sample (id),
  attempt INTEGER NOT NULL,
  started TEXT NOT NULL,
  seconds REAL,
  host TEXT NOT NULL,
  outcome TEXT NOT NULL,
  exit_status INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  output TEXT NOT NULL DEFAULT '',
  directory TEXT NOT NULL,
  handle TEXT NOT NULL DEFAULT '',
  refused BLOB,
  PRIMARY KEY (id, attempt)) WITHOUT ROWID;
)";

/// From format 1 to format 2: the round of integration, what may not change, labels from elsewhere, recorded times, and
/// counts that need no look at every row.
inline constexpr const char* migration_2 = R"(
ALTER TABLE campaign ADD COLUMN configuration TEXT NOT NULL DEFAULT '{}';
ALTER TABLE sample ADD COLUMN integrated_in INTEGER;
UPDATE sample SET integrated_in = round WHERE integrated IS NOT NULL;
CREATE INDEX sample_by_integration ON sample (integrated_in, integrated) WHERE integrated_in IS NOT NULL;
CREATE INDEX sample_to_integrate ON sample (round, rank) WHERE state = 'done' AND integrated IS NULL;
CREATE TABLE archive (
  fingerprint TEXT PRIMARY KEY,
  inputs BLOB NOT NULL,
  labels BLOB NOT NULL,
  source TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE clock (round INTEGER PRIMARY KEY, seconds REAL NOT NULL);
CREATE TABLE tally (
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (purpose, state)) WITHOUT ROWID;
INSERT INTO tally SELECT purpose, state, count(*) FROM sample GROUP BY purpose, state;
INSERT INTO tally SELECT '*', 'simulations', count(*) FROM attempt WHERE outcome <> 'copied';
CREATE TRIGGER sample_added AFTER INSERT ON sample BEGIN
  INSERT INTO tally VALUES (new.purpose, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER sample_moved AFTER UPDATE OF state ON sample WHEN old.state <> new.state BEGIN
  UPDATE tally SET n = n - 1 WHERE purpose = old.purpose AND state = old.state;
  INSERT INTO tally VALUES (new.purpose, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER attempt_added AFTER INSERT ON attempt WHEN new.outcome NOT IN ('copied', 'imported') BEGIN
  UPDATE tally SET n = n + 1 WHERE purpose = '*' AND state = 'simulations';
END;
UPDATE campaign SET format = 2;
)";

}  // namespace assay::detail
