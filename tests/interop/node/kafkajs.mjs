// kafkajs, as a program that speaks JSON lines.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import kafkajs from 'kafkajs'
import { bytes, Inbox, Refused, serve, text } from './lines.mjs'

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }

function connected(address, security) {
  const settings = { brokers: [address], logLevel: logLevel.NOTHING, retry: RETRY }
  if (security.authority) settings.ssl = { ca: [readFileSync(security.authority)] }
  if (security.mechanism) {
    const mechanism = security.mechanism.toLowerCase()
    settings.sasl = { mechanism, username: security.user, password: security.password }
  }
  return new Kafka(settings)
}

const RETRY = { initialRetryTime: 100, maxRetryTime: 500, retries: 40 }

const messages = (records, partition) =>
  records.map(record => ({
    key: bytes(record.key),
    value: bytes(record.value),
    timestamp: String(record.time),
    headers: Object.fromEntries(record.headers.map(([name, value]) => [name, bytes(value)])),
    ...(partition === null ? {} : { partition })
  }))

class Client {
  #kafka
  #admin

  constructor(address, security) {
    this.#kafka = connected(address, security)
  }

  async #administrator() {
    if (!this.#admin) {
      const admin = this.#kafka.admin()
      await admin.connect()
      this.#admin = admin
    }
    return this.#admin
  }

  async create_topic({ topic, partitions, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const admin = await this.#administrator()
    const isNew = await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }]
    })
    if (!isNew) throw new Refused('TOPIC_ALREADY_EXISTS')
  }

  async delete_topic({ topic }) {
    await (await this.#administrator()).deleteTopics({ topics: [topic] })
  }

  async partition_count({ topic }) {
    const admin = await this.#administrator()
    if (!(await admin.listTopics()).includes(topic)) return 0
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions.length
  }

  async add_partitions({ topic, total }) {
    const admin = await this.#administrator()
    await admin.createPartitions({ topicPartitions: [{ topic, count: total }] })
  }

  async cluster() {
    const { brokers, controller, clusterId } = await (await this.#administrator()).describeCluster()
    return {
      cluster_id: clusterId,
      controller,
      brokers: brokers.map(({ host, port }) => `${host}:${port}`)
    }
  }

  async configs({ topic }) {
    const { resources } = await (await this.#administrator()).describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      includeSynonyms: false
    })
    const known = resources[0].configEntries.filter(({ configValue }) => configValue !== null)
    return Object.fromEntries(known.map(({ configName, configValue }) => [configName, configValue]))
  }

  async alter_configs({ topic, changes }) {
    const configEntries = Object.entries(changes).map(([name, value]) => ({ name, value }))
    await (await this.#administrator()).alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
    })
  }

  async delete_records({ topic, partition, before }) {
    const admin = await this.#administrator()
    await admin.fetchTopicOffsets(topic) // it asks for the leaders only of topics that it has met
    const partitions = [{ partition, offset: String(before) }]
    await admin.deleteTopicRecords({ topic, partitions })
  }

  async groups() {
    const { groups } = await (await this.#administrator()).listGroups()
    return groups.map(({ groupId }) => groupId)
  }

  async group({ group }) {
    const { groups } = await (await this.#administrator()).describeGroups([group])
    return { state: groups[0].state, members: groups[0].members.length }
  }

  async delete_group({ group }) {
    await (await this.#administrator()).deleteGroups([group])
  }

  async committed({ group, topic }) {
    const admin = await this.#administrator()
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    return partitions
      .filter(({ offset }) => offset !== '-1')
      .map(({ partition, offset, metadata }) => [
        partition,
        { offset: Number(offset), metadata: metadata ?? '' }
      ])
  }

  async alter_offsets({ group, topic, offsets }) {
    const partitions = offsets.map(([partition, offset]) => ({ partition, offset: String(offset) }))
    await (await this.#administrator()).setOffsets({ groupId: group, topic, partitions })
  }

  async produce({ topic, records, codec, acks, idempotent, partition }) {
    const producer = this.#kafka.producer({ idempotent })
    await producer.connect()
    try {
      const compression = CODECS[codec]
      await producer.send({ topic, acks, compression, messages: messages(records, partition) })
    } finally {
      await producer.disconnect()
    }
  }

  async offsets_at({ topic, timestamp_ms }) {
    const admin = await this.#administrator()
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp_ms)
    const ends = await admin.fetchTopicOffsets(topic)
    // It answers with the end of the log where there is no such record.
    const end = Object.fromEntries(ends.map(({ partition, high }) => [partition, high]))
    return found.map(({ partition, offset }) => [
      partition,
      offset === end[partition] ? null : Number(offset)
    ])
  }

  async reader({ topic, offsets, committed_only }) {
    const settings = { groupId: `reader-${randomUUID()}`, readUncommitted: !committed_only }
    const reader = new Reader(this.#kafka.consumer({ ...COMMON, ...settings }), topic)
    await reader.start()
    for (const [partition, offset] of offsets) reader.seek({ partition, offset })
    return reader
  }

  async member({ topic, group, session_timeout_ms, committed_only }) {
    const settings = {
      groupId: group,
      sessionTimeout: session_timeout_ms,
      heartbeatInterval: 300,
      rebalanceTimeout: 10_000,
      readUncommitted: !committed_only
    }
    const member = new Reader(this.#kafka.consumer({ ...COMMON, ...settings }), topic)
    await member.start()
    return member
  }

  async producer() {
    const producer = this.#kafka.producer({ idempotent: true })
    await producer.connect()
    return new Sender(producer)
  }

  async transactor({ transactional_id }) {
    const settings = { transactionalId: transactional_id, idempotent: true, maxInFlightRequests: 1 }
    const producer = this.#kafka.producer(settings)
    await producer.connect()
    return new Transactor(producer)
  }
}

const COMMON = { metadataMaxAge: 1000, maxWaitTimeInMs: 200, retry: RETRY }

/** A reader, or a member of a group. */
class Reader {
  #consumer
  #topic
  #inbox = new Inbox()
  #assigned = []
  #next = new Map()

  constructor(consumer, topic) {
    this.#consumer = consumer
    this.#topic = topic
    this.group = null
  }

  async start() {
    const { GROUP_JOIN, REBALANCING } = this.#consumer.events
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.group = payload.groupId
      this.#assigned = payload.memberAssignment[this.#topic] ?? []
    })
    this.#consumer.on(REBALANCING, () => (this.#assigned = []))
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [this.#topic], fromBeginning: true })
    await this.#consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => this.#inbox.put({ partition, message })
    })
  }

  async poll() {
    const taken = await this.#inbox.take()
    for (const { partition, message } of taken) this.#next.set(partition, BigInt(message.offset) + 1n)
    return taken.map(({ partition, message }) => ({
      partition,
      offset: Number(message.offset),
      key: text(message.key),
      value: text(message.value),
      time: Number(message.timestamp),
      headers: Object.entries(message.headers).map(([name, value]) => [name, text(value)])
    }))
  }

  seek({ partition, offset }) {
    this.#inbox.clear()
    this.#consumer.seek({ topic: this.#topic, partition, offset: String(offset) })
  }

  assigned() {
    return this.#assigned
  }

  async commit() {
    const places = [...this.#next].map(([partition, offset]) => ({
      topic: this.#topic,
      partition,
      offset: String(offset)
    }))
    await this.#consumer.commitOffsets(places)
  }

  async commit_at({ partition, offset, metadata }) {
    const place = { topic: this.#topic, partition, offset: String(offset), metadata }
    await this.#consumer.commitOffsets([place])
  }

  async close() {
    await this.#consumer.disconnect()
  }
}

class Sender {
  #producer

  constructor(producer) {
    this.#producer = producer
  }

  async send({ topic, records }) {
    await this.#producer.send({ topic, acks: -1, messages: messages(records, null) })
  }

  async close() {
    await this.#producer.disconnect()
  }
}

class Transactor {
  #producer
  #transaction

  constructor(producer) {
    this.#producer = producer
  }

  async begin() {
    this.#transaction = await this.#producer.transaction()
  }

  async send({ topic, records }) {
    await this.#transaction.send({ topic, acks: -1, messages: messages(records, null) })
  }

  async send_offsets({ member, topic, offsets }) {
    const partitions = offsets.map(([partition, offset]) => ({ partition, offset: String(offset) }))
    const topics = [{ topic, partitions }]
    await this.#transaction.sendOffsets({ consumerGroupId: member.group, topics })
  }

  async commit() {
    await this.#transaction.commit()
  }

  async abort() {
    await this.#transaction.abort()
  }

  async close() {
    await this.#producer.disconnect()
  }
}

function nameOf(error) {
  for (const one of [error, error?.cause, ...(error?.errors ?? []), ...(error?.groups ?? [])]) {
    const type = one?.type ?? one?.error?.type ?? one?.cause?.type
    if (type) return type
  }
}

await serve(new Client(process.argv[2], JSON.parse(process.argv[3])), nameOf)
