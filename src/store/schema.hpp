// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay::store {

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

/// From format 2 to format 3: a digest with every row and one over all of them, the rules that a campaign chooses by,
/// who changed it, and the solver that a label comes from. The digests themselves are filled in by the program.
inline constexpr const char* migration_3 = R"(
ALTER TABLE campaign ADD COLUMN behavior INTEGER NOT NULL DEFAULT 1;
ALTER TABLE campaign ADD COLUMN next_place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN row_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN seal BLOB NOT NULL DEFAULT x'';        -- sum of the digests of all rows
ALTER TABLE campaign ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE campaign ADD COLUMN mark TEXT NOT NULL DEFAULT '';         -- for whoever looks at a damaged log
ALTER TABLE round ADD COLUMN picks_file TEXT NOT NULL DEFAULT '';      -- SHA-256 of the file that says so too
ALTER TABLE round ADD COLUMN labels_file TEXT NOT NULL DEFAULT '';
ALTER TABLE round ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE sample ADD COLUMN inputs_digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE sample ADD COLUMN labels_digest BLOB;
ALTER TABLE sample ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE attempt ADD COLUMN solver TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN refused_digest BLOB;
ALTER TABLE attempt ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE archive ADD COLUMN inputs_digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE archive ADD COLUMN labels_digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE archive ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE clock ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
CREATE TABLE session (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  first INTEGER NOT NULL,            -- changes before it
  digest BLOB NOT NULL);
UPDATE campaign SET format = 3, next_place = (SELECT coalesce(max(integrated) + 1, 0) FROM sample);
)";

/// What each format adds to the one before it.
inline constexpr const char* schema_steps[] = {schema_1, migration_2, migration_3};

}  // namespace assay::store
