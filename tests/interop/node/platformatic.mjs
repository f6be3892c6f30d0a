// @platformatic/kafka, as a program that speaks JSON lines.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Admin, Consumer, FetchIsolationLevels, MessagesStreamModes, Producer } from '@platformatic/kafka'
import { bytes, Inbox, serve, text } from './lines.mjs'

const TOPIC = 2 // the resource type
const SET = 0 // the operation of an incremental change

function settingsOf(address, security) {
  const settings = {
    clientId: 'interop',
    bootstrapBrokers: [address],
    metadataMaxAge: 1000,
    retries: 40,
    retryDelay: 250
  }
  if (security.authority) settings.tls = { ca: [readFileSync(security.authority)] }
  if (security.mechanism) {
    const { mechanism, user, password } = security
    settings.sasl = { mechanism, username: user, password }
  }
  return settings
}

const messages = (topic, records, partition) =>
  records.map(record => ({
    topic,
    key: bytes(record.key) ?? undefined,
    value: bytes(record.value),
    timestamp: BigInt(record.time),
    headers: new Map(record.headers.map(([name, value]) => [Buffer.from(name), bytes(value)])),
    ...(partition === null ? {} : { partition })
  }))

class Client {
  #settings
  #admin

  constructor(address, security) {
    this.#settings = settingsOf(address, security)
    this.#admin = new Admin({ ...this.#settings, retries: 3 })
  }

  async create_topic({ topic, partitions, configs }) {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await this.#admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
  }

  async delete_topic({ topic }) {
    await this.#admin.deleteTopics({ topics: [topic] })
  }

  async partition_count({ topic }) {
    if (!(await this.#admin.listTopics()).includes(topic)) return 0
    const { topics } = await this.#admin.metadata({ topics: [topic], forceUpdate: true })
    return topics.get(topic).partitionsCount
  }

  async add_partitions({ topic, total }) {
    await this.#admin.createPartitions({ topics: [{ name: topic, count: total, assignments: null }] })
  }

  async cluster() {
    const { id, brokers, controllerId } = await this.#admin.metadata({ topics: [] })
    return {
      cluster_id: id,
      controller: controllerId,
      brokers: [...brokers.values()].map(({ host, port }) => `${host}:${port}`)
    }
  }

  async configs({ topic }) {
    const resources = [{ resourceType: TOPIC, resourceName: topic, configurationKeys: null }]
    const [{ configs }] = await this.#admin.describeConfigs({ resources })
    const known = configs.filter(({ value }) => value !== null)
    return Object.fromEntries(known.map(({ name, value }) => [name, value]))
  }

  async alter_configs({ topic, changes }) {
    const entries = Object.entries(changes)
    const configs = entries.map(([name, value]) => ({ name, configOperation: SET, value }))
    await this.#admin.incrementalAlterConfigs({
      resources: [{ resourceType: TOPIC, resourceName: topic, configs }]
    })
  }

  async delete_records({ topic, partition, before }) {
    const partitions = [{ partition, offset: BigInt(before) }]
    await this.#admin.deleteRecords({ topics: [{ name: topic, partitions }] })
  }

  async log_bytes({ topic }) {
    const partitions = Array.from({ length: await this.partition_count({ topic }) }, (_, n) => n)
    const brokers = await this.#admin.describeLogDirs({ topics: [{ name: topic, partitions }] })
    const told = brokers
      .flatMap(({ results }) => results)
      .flatMap(({ topics }) => topics)
      .filter(({ name }) => name === topic)
      .flatMap(described => described.partitions)
    return told.reduce((sum, { partitionSize }) => sum + Number(partitionSize), 0)
  }

  async groups() {
    return [...(await this.#admin.listGroups({})).keys()]
  }

  async group({ group }) {
    const told = (await this.#admin.describeGroups({ groups: [group] })).get(group)
    const words = told.state.toLowerCase().split('_')
    const state = words.map(word => word[0].toUpperCase() + word.slice(1)).join('')
    return { state, members: told.members.size }
  }

  async delete_group({ group }) {
    await this.#admin.deleteGroups({ groups: [group] })
  }

  async committed({ group, topic }) {
    const [{ topics }] = await this.#admin.listConsumerGroupOffsets({ groups: [group] })
    return topics
      .filter(({ name }) => name === topic)
      .flatMap(({ partitions }) => partitions)
      .map(({ partitionIndex, committedOffset, metadata }) => [
        partitionIndex,
        { offset: Number(committedOffset), metadata: metadata ?? '' }
      ])
  }

  async alter_offsets({ group, topic, offsets }) {
    const partitionOffsets = offsets.map(([partition, offset]) => ({
      partition,
      offset: BigInt(offset)
    }))
    await this.#admin.alterConsumerGroupOffsets({
      groupId: group,
      topics: [{ name: topic, partitionOffsets }]
    })
  }

  async delete_offsets({ group, topic, partitions }) {
    const topics = [{ name: topic, partitionIndexes: partitions }]
    await this.#admin.deleteConsumerGroupOffsets({ groupId: group, topics })
  }

  async produce({ topic, records, codec, acks, idempotent, partition }) {
    const producer = new Producer({ ...this.#settings, autocreateTopics: true })
    try {
      await producer.send({
        messages: messages(topic, records, partition),
        acks,
        compression: codec,
        idempotent
      })
    } finally {
      await producer.close()
    }
  }

  async offsets_at({ topic, partitions, timestamp_ms }) {
    const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: BigInt(timestamp_ms)
    }))
    const [told] = await this.#admin.listOffsets({ topics: [{ name: topic, partitions: asked }] })
    return told.partitions.map(({ partitionIndex, offset }) => [
      partitionIndex,
      offset < 0n ? null : Number(offset)
    ])
  }

  #consumer(settings) {
    return new Consumer({ ...this.#settings, maxWaitTime: 200, autocommit: false, ...settings })
  }

  async reader({ topic, offsets, committed_only }) {
    const isolationLevel = isolation(committed_only)
    const consumer = this.#consumer({ groupId: `reader-${randomUUID()}`, isolationLevel })
    const reader = new Reader(consumer, topic)
    await reader.read({ mode: MessagesStreamModes.MANUAL, offsets: places(topic, offsets) })
    return reader
  }

  async member({ topic, group, session_timeout_ms, instance_id, committed_only }) {
    const consumer = this.#consumer({
      groupId: group,
      sessionTimeout: session_timeout_ms,
      heartbeatInterval: 300,
      rebalanceTimeout: Math.max(10_000, session_timeout_ms),
      isolationLevel: isolation(committed_only),
      ...(instance_id === null ? {} : { groupInstanceId: instance_id })
    })
    const member = new Reader(consumer, topic)
    await member.read({ mode: MessagesStreamModes.COMMITTED, fallbackMode: 'earliest' })
    return member
  }

  async producer() {
    return new Sender(new Producer({ ...this.#settings, idempotent: true }))
  }

  async transactor({ transactional_id }) {
    const settings = { ...this.#settings, idempotent: true, transactionalId: transactional_id }
    return new Transactor(new Producer({ ...settings, retries: 3 }))
  }
}

const isolation = committedOnly =>
  committedOnly ? FetchIsolationLevels.READ_COMMITTED : FetchIsolationLevels.READ_UNCOMMITTED

const places = (topic, offsets) =>
  offsets.map(([partition, offset]) => ({ topic, partition, offset: BigInt(offset) }))

/** A reader, or a member of a group. */
class Reader {
  #topic
  #stream
  #inbox = new Inbox()
  #next = new Map()

  constructor(consumer, topic) {
    this.consumer = consumer
    this.#topic = topic
    this.messages = new Map() // the newest of each partition, which a transaction takes offsets from
  }

  async read(options) {
    const stream = await this.consumer.consume({ topics: [this.#topic], ...options })
    stream.on('data', message => this.#inbox.put(message))
    stream.on('error', error => process.stderr.write(`${error?.stack}\n`))
    this.#stream = stream
  }

  async poll() {
    const taken = await this.#inbox.take()
    for (const message of taken) {
      this.#next.set(message.partition, message.offset + 1n)
      this.messages.set(`${message.partition}:${message.offset + 1n}`, message)
    }
    return taken.map(message => ({
      partition: message.partition,
      offset: Number(message.offset),
      key: text(message.key),
      value: text(message.value),
      time: Number(message.timestamp),
      headers: [...message.headers].map(([name, value]) => [name.toString(), text(value)])
    }))
  }

  async seek({ partition, offset }) {
    await this.#stream.close()
    this.#inbox.clear()
    const offsets = places(this.#topic, [[partition, offset]])
    await this.read({ mode: MessagesStreamModes.MANUAL, offsets })
  }

  assigned() {
    const assigned = (this.consumer.assignments ?? []).filter(({ topic }) => topic === this.#topic)
    return assigned.flatMap(({ partitions }) => partitions)
  }

  async commit() {
    const offsets = places(this.#topic, [...this.#next])
    await this.consumer.commit({ offsets: offsets.map(place => ({ ...place, leaderEpoch: -1 })) })
  }

  async close() {
    await this.consumer.close(true)
  }
}

class Sender {
  constructor(producer) {
    this.producer = producer
  }

  async send({ topic, records }) {
    await this.producer.send({ messages: messages(topic, records, null), acks: -1 })
  }

  async close() {
    await this.producer.close(true)
  }
}

class Transactor extends Sender {
  #transaction

  async begin() {
    this.#transaction = await this.producer.beginTransaction()
  }

  async send({ topic, records }) {
    await this.#transaction.send({ messages: messages(topic, records, null) })
  }

  async send_offsets({ member, offsets }) {
    await this.#transaction.addConsumer(member.consumer)
    for (const [partition, offset] of offsets) {
      await this.#transaction.addOffset(member.messages.get(`${partition}:${offset}`))
    }
  }

  async commit() {
    await this.#transaction.commit()
  }

  async abort() {
    await this.#transaction.abort()
  }
}

function nameOf(error) {
  if (error?.apiId) return error.apiId
  for (const inner of [...(error?.errors ?? []), error?.cause].filter(Boolean)) {
    const name = nameOf(inner)
    if (name) return name
  }
}

await serve(new Client(process.argv[2], JSON.parse(process.argv[3])), nameOf)
