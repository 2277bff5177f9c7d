"""Who may do what: roles and their rules, decided once for each kind of caller.

| file | its job |
|---|---|
| `needs` | what each RPC needs |
| `errand` | what the current call needs |
| `names` | sets of columns, patterns of tables |
| `records` | roles and rules, as they are written |
| `row_filters` | filters that name claims |
| `access` | what a caller may do with one database, and with one table of it |
| `policies` | the policy that holds now, and what was decided by it |
| `guard` | the databases, as far as the caller may go |
| `raw_sql` | what SQL of a caller's own may be |
| `masks` | cells that are not shown as they are |
| `quotas` | how many calls, and how many at a time |
"""
