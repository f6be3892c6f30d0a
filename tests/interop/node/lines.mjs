// JSON lines between the suite and a client: see tests/support/clients/lines.py.

import { createInterface } from 'node:readline'

const POLL_MS = 200

/** A refusal that the client itself made of the broker's answer. */
export class Refused extends Error {
  constructor(type, message = '') {
    super(message)
    this.type = type
  }
}

/** Answer calls on `client`, and on what it gives out, until the input ends. `nameOf` finds
 * Kafka's name of an error, if the broker gave one. */
export async function serve(client, nameOf) {
  const given = []
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    const on = asked.on === null ? client : given[asked.on]
    const told = { ...asked.with }
    if ('member' in told) told.member = given[told.member]
    let answer
    try {
      if (typeof on[asked.call] !== 'function') throw new Error(`no ${asked.call}`)
      const gave = (await on[asked.call](told)) ?? null
      const isGiven = gave !== null && typeof gave.close === 'function'
      answer = { gave: isGiven ? { handle: given.push(gave) - 1 } : gave }
    } catch (error) {
      answer = { refused: nameOf(error) ?? 'CLIENT', why: String(error?.stack ?? error) }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}

export const bytes = text => (text === null ? null : Buffer.from(text, 'base64'))
export const text = data => (data === null || data === undefined ? null : data.toString('base64'))

/** What has come and was not yet polled. */
export class Inbox {
  #records = []
  #wake = () => {}

  put(record) {
    this.#records.push(record)
    this.#wake()
  }

  clear() {
    this.#records = []
  }

  async take() {
    if (this.#records.length === 0) {
      await new Promise(resolve => {
        const timer = setTimeout(resolve, POLL_MS)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    const taken = this.#records
    this.clear()
    return taken
  }
}
