import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

export type Row = Readonly<Record<string, null | number | bigint | string | Uint8Array>>;

/** SQL on the store, inside a transaction that the store runs. Statements are prepared once. */
export interface Sql {
  /** Changes rows. Returns how many, and the last rowid. */
  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number; readonly lastId: number };
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all(sql: string, ...values: SQLInputValue[]): Row[];
  /** Returns the rows one by one, without holding them all. */
  iterate(sql: string, ...values: SQLInputValue[]): Iterable<Row>;
}

/** One connection, with its prepared statements. */
export class Connection implements Sql {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.database = new DatabaseSync(path, { readOnly: options.readOnly ?? false, timeout: 100 });
  }

  run(sql: string, ...values: SQLInputValue[]) {
    const { changes, lastInsertRowid } = this.#prepare(sql).run(...values);
    return { changes: Number(changes), lastId: Number(lastInsertRowid) };
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  iterate(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#prepare(sql).iterate(...values) as Iterable<Row>;
  }

  close(): void {
    this.#statements.clear();
    this.database.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
