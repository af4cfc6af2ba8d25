// The meaning of a metric's name, in words. The English words are those of automap's own table; an unknown name is shown as it is.
import type { Language } from './language';

const WORDS: Record<string, [string, string]> = {
  latency_ms: ['latency (mean)', '平均延迟'],
  latency_p95_ms: ['p95 latency', 'p95 延迟'],
  error_ratio: ['errors', '错误率'],
  hung_up_ratio: ['clients hung up', '客户端断开'],
  throughput_rps: ['requests', '请求数'],
  client_latency_ms: ['latency at the caller', '调用方测得的延迟'],
  served_latency_ms: ['latency at the callee', '被调用方测得的延迟'],
  network_gap_ms: ['network gap', '网络耗时'],
  client_error_ratio: ['errors at the caller', '调用方的错误率'],
  client_rps: ['requests by the caller', '调用方的请求数'],
  tcp_bytes_per_s: ['bytes on connections', '连接上的流量'],
  tcp_connections_per_s: ['new connections', '新建连接'],
  tcp_failures_per_s: ['failed connections', '失败的连接'],
  cpu_cores: ['CPU', 'CPU'],
  cpu_throttled_ratio: ['CPU throttled periods', 'CPU 限流'],
  proxy_cpu_cores: ['side-car CPU', '边车 CPU'],
  memory_bytes: ['memory', '内存'],
  disk_read_bytes_per_s: ['disk reads', '磁盘读取'],
  disk_write_bytes_per_s: ['disk writes', '磁盘写入'],
  network_in_bytes_per_s: ['network in', '网络流入'],
  network_out_bytes_per_s: ['network out', '网络流出'],
  restarts: ['container restarts', '容器重启'],
  not_ready: ['pods not ready', '未就绪的 Pod'],
  pods_started: ['new pods', '新 Pod'],
  cpu_used_ratio: ['CPU used', 'CPU 使用率'],
  cpu_stolen_ratio: ['CPU stolen', 'CPU 被占用'],
  memory_used_ratio: ['memory used', '内存使用率'],
  memory_waiting_ratio: ['waiting for memory', '等待内存'],
  disk_busy_ratio: ['disk busy', '磁盘繁忙'],
  disk_waiting_ratio: ['waiting for disks', '等待磁盘'],
  disk_used_ratio: ['disk used', '磁盘使用率'],
  missing_ratio: ['missing samples', '缺失的样本'],
  store_down: ['store processes down', '存储进程停止'],
  command_ms: ['time per command', '每条命令耗时'],
  lock_waiters: ['waiting for locks', '等待锁'],
  longest_transaction_s: ['longest transaction', '最长事务'],
  connections_used_ratio: ['connections in use', '连接使用率'],
  rejected_connections_per_s: ['rejected connections', '被拒绝的连接'],
  evictions_per_s: ['evictions', '逐出'],
  queue_depth: ['messages waiting', '排队的消息'],
  consumers: ['consumers', '消费者'],
  consumer_lag: ['consumer lag', '消费滞后'],
  replication_lag_s: ['replication lag', '复制滞后'],
  pool_waiters: ['waiting for a pooled connection', '等待连接池'],
  pool_used_ratio: ['pooled connections in use', '连接池使用率'],
  pool_wait_ms: ['wait for a pooled connection', '等待连接池的时间'],
};

export function metricWords(name: string, language: Language): string {
  return WORDS[name]?.[language === 'zh' ? 1 : 0] ?? name;
}

/** Kinds of fault in Chinese. */
export const MECHANISMS: Record<string, string> = {
  network: '网络',
  slow: '变慢',
  errors: '出错',
  cpu: 'CPU',
  memory: '内存',
  disk: '磁盘',
  restarts: '重启',
  down: '停止',
  load: '负载',
};
