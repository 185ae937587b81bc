// PM2 in cluster mode: `npm run build && npx pm2 start ecosystem.config.cjs`.
// Every instance binds the port itself (SO_REUSEPORT); PM2 only starts, watches and reloads them.
module.exports = {
  apps: [
    {
      name: "brigade",
      script: "./dist/src/main.js",
      exec_mode: "cluster",
      // Never `max`: a process has several HTTP threads of its own.
      instances: Number(process.env.WEB_CONCURRENCY ?? 2),
      wait_ready: true,
      listen_timeout: 15000,
      // Longer than the drain (11 s), so that a reload never cuts an answer.
      kill_timeout: 12000,
      max_memory_restart: "512M",
      exp_backoff_restart_delay: 200,
      pmx: false,
      node_args: "--enable-source-maps",
      env: {
        NODE_ENV: "production",
        WEB_CONCURRENCY: String(process.env.WEB_CONCURRENCY ?? 2),
        // The HTTP parser reads it once when it is loaded.
        UWS_HTTP_MAX_HEADERS_SIZE: "16384",
      },
    },
  ],
};
