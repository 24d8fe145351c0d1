{
  description = "nsx: create, enter, list and translate Linux namespaces";

  inputs.nixpkgs.url = "nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      each = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ];
      manifest = builtins.fromTOML (builtins.readFile ./Cargo.toml);
    in
    {
      packages = each (system:
        let pkgs = nixpkgs.legacyPackages.${system}; in
        {
          default = pkgs.rustPlatform.buildRustPackage {
            pname = "nsx";
            version = manifest.workspace.package.version;
            src = self;
            cargoLock.lockFile = ./Cargo.lock;
            buildType = "dist";
            nativeBuildInputs = [ pkgs.installShellFiles ];
            # The system tests need root and programs of Debian.
            cargoTestFlags = [ "--lib" ];
            postInstall = ''
              installManPage man/*.1 man/*.7
              installShellCompletion --cmd nsx --bash crates/nsx/completions/nsx.bash \
                --zsh crates/nsx/completions/_nsx --fish crates/nsx/completions/nsx.fish
            '';
            meta.mainProgram = "nsx";
          };
        });
    };
}
