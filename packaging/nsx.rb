# The formula for Homebrew on Linux. A release fills in the URL and the sum.
class Nsx < Formula
  desc "Create, enter, list and translate Linux namespaces"
  homepage "https://example.invalid/nsx"
  url "https://example.invalid/nsx/archive/v0.2.0-rc.1.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build
  depends_on :linux

  def install
    system "cargo", "install", *std_cargo_args, "--profile", "dist"
    man1.install Dir["man/*.1"]
    man7.install Dir["man/*.7"]
    bash_completion.install "crates/nsx/completions/nsx.bash" => "nsx"
    zsh_completion.install "crates/nsx/completions/_nsx"
    fish_completion.install "crates/nsx/completions/nsx.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/nsx --version")
  end
end
