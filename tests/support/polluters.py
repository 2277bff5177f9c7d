"""Statements that leave something in their session, and what a session tells of itself, for each engine.

Some would be refused before they reach a database; what is behind that must not depend on it.
"""

from __future__ import annotations

SETUP = {
    "mariadb": (
        "create table if not exists polluted_lock (i int); create sequence if not exists polluted_sequence; "
        "create table if not exists polluted_keys (i int auto_increment primary key); "
        "create role if not exists polluted_role; grant polluted_role to rowgate; "
        "create or replace procedure pollute() begin set @polluted = 1; set sql_mode = 'ANSI_QUOTES'; "
        "set time_zone = '+05:00'; set autocommit = 0; end"
    ),
    "postgresql": (
        "create table if not exists polluted_lock (i int); create sequence if not exists polluted_sequence; "
        "create or replace procedure pollute() language plpgsql as $$ begin "
        "perform set_config('search_path', 'pg_catalog', false); perform set_config('my.own', 'polluted', false); "
        "perform pg_advisory_lock(77); end $$; "
        "grant all on polluted_lock, polluted_sequence to public"
    ),
}

POLLUTERS = {
    "mariadb": (
        "set @polluted = 'planted'",
        "select 'planted' into @polluted",
        "set sql_mode = 'NO_BACKSLASH_ESCAPES'",
        "set sql_mode = concat(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT')",
        "set names gbk",
        "set character_set_results = latin1",
        "set character_set_client = latin1",
        "set collation_connection = utf8mb4_bin",
        "set time_zone = '+09:00'",
        "set autocommit = 0",
        "set sql_select_limit = 1",
        "set foreign_key_checks = 0",
        "set unique_checks = 0",
        "set session transaction read only",
        "set session transaction isolation level serializable",
        "set max_statement_time = 0.001",
        "set lc_time_names = 'de_DE'",
        "set group_concat_max_len = 4",
        "set wait_timeout = 1",
        "set timestamp = 1",
        "set max_join_size = 1",
        "set sql_safe_updates = 1",
        "set optimizer_switch = 'index_merge=off'",
        "set default_storage_engine = MyISAM",
        "set session_track_state_change = 0",
        "set insert_id = 77",
        "set last_insert_id = 77",
        "set profiling = 1",
        "begin not atomic set profiling = 1; set @a = 'planted'; set profiling = 0; end",
        "begin not atomic set profiling = 1; signal sqlstate '45000'; end",
        # The last of several answers tells of no change.
        (
            "begin not atomic select 0; set session_track_state_change = 0; set session_track_system_variables = ''; "
            "set profiling = 1; select 1; select 2; end"
        ),
        "set profiling_history_size = 0",
        "set role polluted_role",
        "set @polluted = 1, role polluted_role",
        "begin not atomic set session_track_state_change = 0; set role polluted_role; end",
        "select 1 union select 2 union select 3",
        "select last_insert_id(77)",
        "insert into polluted_keys values (), ()",
        "select nextval(polluted_sequence)",
        "select polluted",
        "select cast('planted' as integer)",
        "signal sqlstate '45000' set message_text = 'planted'",
        "set optimizer_trace = 'enabled=on'",
        "set default_master_connection = 'planted'",
        "set transaction read only",
        "set lock_wait_timeout = 1",
        "select get_lock('polluted', 0)",
        "create temporary table polluted_temporary (i int)",
        "create temporary table polluted_lock (i int, planted int)",
        "prepare polluted from 'select 1'",
        "lock tables polluted_lock write",
        "start transaction",
        "insert into polluted_lock values (1)",
        "handler polluted_lock open",
        "use information_schema",
        "call pollute()",
        "begin not atomic set autocommit = 0; insert into polluted_lock values (2); end",
    ),
    "postgresql": (
        "set search_path = pg_catalog",
        "set time zone 'Asia/Tokyo'",
        "set datestyle = 'German'",
        "set intervalstyle = 'sql_standard'",
        "set client_encoding = 'LATIN1'",
        "set standard_conforming_strings = off",
        "set bytea_output = 'escape'",
        "set extra_float_digits = -15",
        "set statement_timeout = 1",
        "set idle_in_transaction_session_timeout = 1",
        "set lock_timeout = 1",
        "set default_transaction_read_only = on",
        "set default_transaction_isolation = 'serializable'",
        "set my.own = 'planted'",
        "set application_name = 'planted'",
        "set enable_seqscan = off",
        "set work_mem = '64kB'",
        "set row_security = off",
        "set plan_cache_mode = force_generic_plan",
        "set client_min_messages = 'debug1'",
        "set session characteristics as transaction read only",
        "set session characteristics as transaction isolation level serializable, read only, deferrable",
        "set role rowgate",
        "set session authorization rowgate",
        "select set_config('backslash_quote', 'on', false)",
        "set client_encoding = 'SQL_ASCII'",
        "set xmloption = document",
        "set array_nulls = off",
        "set transform_null_equals = on",
        "set jit_above_cost = 0",
        "set default_tablespace = pg_default",
        "set default_transaction_deferrable = on",
        "set check_function_bodies = off",
        "load 'plpgsql'",
        "select setseed(0.5)",
        "select lo_open(lo_from_bytea(0, 'planted'), 262144)",
        "create temporary table pg_type as select * from pg_catalog.pg_type",
        "create temporary view polluted_view as select 1",
        "notify polluted",
        "select pg_advisory_lock(77)",
        "select pg_advisory_lock_shared(78)",
        "create temporary table polluted_temporary (i int)",
        "create temporary table polluted_lock (i int, planted int)",
        "create temporary sequence polluted_temporary_sequence",
        "create function pg_temp.planted() returns int language sql as 'select 1'",
        "prepare polluted as select 1",
        "declare polluted cursor with hold for select 1",
        "listen polluted",
        "select nextval('polluted_sequence')",
        "begin",
        "do $$ begin perform set_config('my.own', 'planted', false); end $$",
        "call pollute()",
    ),
    "sqlite": (
        "create temp table polluted_temporary (i int)",
        "create temp view polluted_view as select 1",
        "create temp trigger polluted_trigger after insert on things begin select 1; end",
        "begin",
        "begin immediate",
        "savepoint polluted",
        "attach ':memory:' as polluted",
        "attach 'polluted.db' as polluted",
        "detach main",
        "vacuum into 'polluted.db'",
        "pragma query_only = on",
        "pragma foreign_keys = off",
        "pragma writable_schema = on",
        "pragma case_sensitive_like = on",
        "pragma busy_timeout = 1",
        "pragma cache_size = 1",
        "pragma synchronous = off",
        "pragma journal_mode = memory",
        "pragma temp_store = memory",
        "pragma recursive_triggers = on",
        "pragma ignore_check_constraints = on",
        "pragma defer_foreign_keys = on",
        "pragma secure_delete = on",
        "pragma locking_mode = exclusive",
        "pragma max_page_count = 1",
        "pragma trusted_schema = on",
        "pragma automatic_index = off",
        "pragma mmap_size = 0",
        "pragma wal_autocheckpoint = 1",
        "select load_extension('polluted')",
    ),
}

PASSING = {
    "last_insert_id(77)": ("last_insert_id(77)", "last_insert_id()"),
    "nextval": ("nextval(polluted_sequence)", "lastval(polluted_sequence)"),
    "a user lock": ("get_lock('polluted', 0)", "is_used_lock('polluted') <=> connection_id()"),
    "found_rows": ("(select count(*) from seq_1_to_3)", "found_rows()"),
    "row_count": ("(select count(*) from seq_1_to_3)", "row_count()"),
    "the session's status": (
        "last_insert_id(77)",
        "(select variable_value from information_schema.session_status where variable_name = 'com_select')",
    ),
}
"""MariaDB: what a view selects leaves something to what another view selects; between them nothing else is run."""

# What differs from call to call by itself.
_RESTLESS = "'timestamp', 'rand_seed1', 'rand_seed2', 'error_count', 'warning_count', 'pseudo_thread_id', 'last_gtid'"

TELLING = {
    "mariadb": (
        # First, for it tells of the statement before.
        "select found_rows(), row_count()",
        (
            "select variable_name, variable_value from information_schema.session_variables "
            f"where lower(variable_name) not in ({_RESTLESS}) order by 1"
        ),
        "select abs(@@timestamp - unix_timestamp(sysdate())) < 5 as now",
        "select @polluted as x",
        "select is_used_lock('polluted') <=> connection_id() as x",
        "select database() as x",
        "show warnings",
        "show errors",
        "select @@error_count, @@warning_count",
        "select last_insert_id() as x",
        "select lastval(polluted_sequence) as x",
        "select current_role() as x",
        "show profiles",
        "select count(*) from information_schema.profiling",
        "select count(*) from information_schema.optimizer_trace",
        "update polluted_lock set i = 0 where false",
        "execute polluted",
        "handler polluted_lock read first",
        "select * from polluted_temporary",
        "select * from polluted_lock limit 0",
        "select 'it''s \\\\ ' as x",
    ),
    "postgresql": (
        "select name, setting from pg_settings where name not like 'plpgsql.%' order by 1",
        # Empty, where a new session does not know it: nothing takes the name of a setting away.
        "select nullif(current_setting('my.own', true), '') as x",
        # What comes first after setseed(0.5), in the versions that it was asked of.
        "select abs(random() - 0.98516771753479992) < 1e-9 as x",
        "select loread(0, 10) as x",
        "select count(*) as x from pg_type where oid = 23",
        "select count(*) as x from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'",
        "select count(*) as x from pg_prepared_statements where name = 'polluted'",
        "select count(*) as x from pg_cursors where name = 'polluted'",
        "select count(*) as x from pg_class where relnamespace = pg_my_temp_schema()",
        "select count(*) as x from pg_proc where pronamespace = pg_my_temp_schema()",
        "select count(*) as x from pg_listening_channels()",
        "select current_user, session_user",
        "select currval('polluted_sequence')",
        "select * from polluted_lock limit 0",
        "select now() = statement_timestamp() as x",
    ),
    "sqlite": (
        "select name from temp.sqlite_master order by 1",
        "select name from pragma_table_list where name not like 'sqlite%' order by 1",
        "select * from pragma_foreign_keys",
        "select 'a' like 'A' as x",
        "select last_insert_rowid() as x, changes() as y, total_changes() as z",
        "insert into things values (1) returning i",
        "delete from things",
    ),
}
